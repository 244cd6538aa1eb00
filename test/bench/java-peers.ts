/** The peers that run on Java: Kafka Streams, Flink, Kafka's plain clients. Compiled once, then kept in the cache folder. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { cached, command } from '../support/engine.ts'

const help = 'The peers need a Java 17 development kit and Maven. Debian: apt-get install openjdk-17-jdk-headless maven'
const sources = new URL('peers/', import.meta.url).pathname
/** All of the heap from the beginning and one thread that collects: the fastest that we found on one processor. */
const heap = ['-Xms3g', '-Xmx4g', '-Xmn1g', '-XX:+UseSerialGC']
const quiet = '-Dorg.slf4j.simpleLogger.defaultLogLevel=error'

/** A profile of peers/pom.xml, and what is compiled with its libraries. */
const profiles = {
  'kafka-streams': ['Clients', 'Splice', 'KafkaStreamsJoin', 'PlainCopy'],
  flink: ['Clients', 'Splice', 'FlinkJoin'],
} as const

/** The command line of a main class, but for its arguments. @throws when Java or Maven is missing, with what would help */
export async function javaPeer(profile: keyof typeof profiles, mainClass: string): Promise<readonly string[]> {
  await command(['javac', '-version'], help)
  const files = profiles[profile].map((name) => join(sources, `${name}.java`))
  const pom = join(sources, 'pom.xml')
  const digest = createHash('sha256')
  for (const file of [pom, ...files]) digest.update(readFileSync(file))
  const name = `peer-${profile}-${digest.digest('hex').slice(0, 12)}`
  const folder = await cached(name, async (unfinished) => {
    const list = join(unfinished, 'class-path.txt')
    const resolve = ['dependency:build-classpath', `-Dmdep.outputFile=${list}`]
    await command(['mvn', '-q', '-B', '-f', pom, `-P${profile}`, ...resolve], help)
    const classPath = readFileSync(list, 'utf8').trim()
    await command(['javac', '--release', '17', '-cp', classPath, '-d', unfinished, ...files], help)
  })
  const classPath = readFileSync(join(folder, 'class-path.txt'), 'utf8').trim()
  return ['java', ...heap, quiet, '-cp', `${folder}:${classPath}`, mainClass]
}
