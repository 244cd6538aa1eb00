/** The class path of a Kafka broker: resolved by Maven once, then kept in the cache folder. */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

export const kafkaVersion = process.env.KAFKA_VERSION ?? '4.3.1'
const javaVersionMin = 17

/** What is missing to start a broker, as a sentence with the line that would help; null when nothing is. */
export function missingTools(): string | null {
  const help = 'Debian: apt-get install openjdk-17-jre-headless maven'
  const java = spawnSync('java', ['-version'], { encoding: 'utf8' })
  const version = Number(/version "(\d+)/.exec(`${java.stderr}${java.stdout}`)?.[1] ?? 0)
  if (java.error !== undefined || version < javaVersionMin) {
    return `A Kafka test broker needs Java ${javaVersionMin} or newer (found ${version === 0 ? 'none' : version}). ${help}`
  }
  if (existsSync(listPath())) return null
  if (spawnSync('mvn', ['-v']).error !== undefined) return `A Kafka test broker needs Maven to fetch its jars. ${help}`
  return null
}

/** The class path, one text. Resolving takes about ten seconds, once. */
export async function classPath(): Promise<string> {
  const list = listPath()
  if (existsSync(list)) {
    const text = readFileSync(list, 'utf8').trim()
    if (text.split(':').every((jar) => existsSync(jar))) return text
  }
  mkdirSync(folder(), { recursive: true })
  writeFileSync(join(folder(), 'pom.xml'), pom())
  const temporary = `${list}.${process.pid}`
  const child = spawn('mvn', ['-q', '-B', 'dependency:build-classpath', `-Dmdep.outputFile=${temporary}`], {
    cwd: folder(),
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString('utf8')
  })
  const code = await new Promise((resolve) => child.once('exit', resolve))
  if (code !== 0) throw new Error(`Maven could not fetch the jars of Kafka ${kafkaVersion}:\n${output.slice(-3000)}`)
  renameSync(temporary, list)
  return readFileSync(list, 'utf8').trim()
}

function folder(): string {
  return join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'linked-events', `kafka-${kafkaVersion}`)
}

function listPath(): string {
  return join(folder(), 'class-path.txt')
}

function pom(): string {
  const dependency = (group: string, artifact: string, version: string) =>
    `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>test</groupId><artifactId>kafka-broker</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    ${dependency('org.apache.kafka', 'kafka_2.13', kafkaVersion)}
    ${dependency('org.apache.kafka', 'kafka-tools', kafkaVersion)}
    ${dependency('org.slf4j', 'slf4j-simple', '1.7.36')}
  </dependencies>
</project>
`
}
