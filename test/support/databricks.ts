/** Databricks for tests: Spark's own Thrift server with Delta (Java) behind our gateway, on 127.0.0.1. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cached, command, listening, type Server, spawnServer, supportFolder } from './engine.ts'
import { freePort } from './ports.ts'

const spark = '4.1.1'
const delta = '4.4.0'
const help = 'Spark needs Java 17, Python 3 with pip (only to fetch its jars) and Maven; see .ci/run'

export const token = 'dapi-test'
export const certificate = join(supportFolder, '..', 'fixtures', 'kafka-tls', 'cert.pem')

/** The folder with the jars; 500 MB, fetched once. */
export function sparkWithDelta(): Promise<string> {
  return cached(`spark-${spark}-delta-${delta}`, async (folder) => {
    const pip = [
      'python3',
      '-m',
      'pip',
      'install',
      '--quiet',
      '--no-deps',
      '--no-compile',
      '--target',
      join(folder, 'py'),
    ]
    await command([...pip, `pyspark==${spark}`], help)
    for (const artifact of [`io.delta:delta-spark_4.1_2.13:${delta}`, `io.delta:delta-storage:${delta}`]) {
      const to = `-DoutputDirectory=${join(folder, 'jars')}`
      await command(['mvn', '-q', '-B', 'dependency:copy', `-Dartifact=${artifact}`, to], help, { cwd: folder })
    }
  })
}

/** Packages of Java that Spark reaches into. */
const opened = 'lang lang.invoke lang.reflect io net nio util util.concurrent util.concurrent.atomic'
  .split(' ')
  .map((name) => `java.${name}`)
const openedToo = ['jdk.internal.ref', 'sun.nio.ch', 'sun.nio.cs', 'sun.security.action', 'sun.util.calendar']

const settings = {
  'spark.driver.host': '127.0.0.1',
  'spark.driver.bindAddress': '127.0.0.1',
  'spark.ui.enabled': 'false',
  'spark.sql.extensions': 'io.delta.sql.DeltaSparkSessionExtension',
  'spark.sql.catalog.spark_catalog': 'org.apache.spark.sql.delta.catalog.DeltaCatalog',
  'spark.sql.catalogImplementation': 'in-memory',
  // As in Databricks, a table is a Delta table unless it says otherwise.
  'spark.sql.sources.default': 'delta',
  // Small data: planning is what takes the time.
  'spark.sql.shuffle.partitions': '1',
  'spark.default.parallelism': '1',
  'spark.databricks.delta.snapshotPartitions': '1',
  'spark.sql.codegen.wholeStage': 'false',
  // It is interpreted before its code would be compiled.
  'spark.sql.codegen.factoryMode': 'NO_CODEGEN',
  // What it keeps of tables and statements that are gone fills its memory: after fifty schedules of the model it did little
  // else than collect garbage.
  'spark.databricks.delta.delta.log.cacheSize': '30',
  'spark.ui.retainedJobs': '10',
  'spark.ui.retainedStages': '10',
  'spark.ui.retainedTasks': '100',
  'spark.sql.ui.retainedExecutions': '5',
  'spark.sql.thriftserver.ui.retainedStatements': '10',
  'spark.sql.thriftserver.ui.retainedSessions': '10',
  'spark.sql.adaptive.enabled': 'false',
  // Delta of open source takes collations, when it is not asked first.
  'spark.databricks.delta.schema.typeCheck.enabled': 'false',
  'spark.log.level': 'ERROR',
}

export async function startDatabricks(): Promise<Server & { readonly port: number }> {
  const jars = await sparkWithDelta()
  const work = mkdtempSync(join(tmpdir(), 'le-databricks-'))
  const [port, sparkPort] = [await freePort(), await freePort()]
  const home = join(jars, 'py', 'pyspark')
  const java = spawnServer(
    [
      'java',
      '-Xmx2g',
      '-XX:+UseSerialGC',
      '-Djdk.reflect.useDirectMethodHandle=false',
      '-Dio.netty.tryReflectionSetAccessible=true',
      '-Duser.timezone=UTC',
      `-Djava.io.tmpdir=${work}`,
      `-Dderby.stream.error.file=${join(work, 'derby.log')}`,
      '--add-modules=jdk.incubator.vector',
      ...[...opened, ...openedToo].map((name) => `--add-opens=java.base/${name}=ALL-UNNAMED`),
      '-cp',
      [join(home, 'jars', '*'), join(jars, 'jars', '*')].join(':'),
      'org.apache.spark.deploy.SparkSubmit',
      '--master',
      'local[2]',
      '--class',
      'org.apache.spark.sql.hive.thriftserver.HiveThriftServer2',
      ...Object.entries({ ...settings, 'spark.sql.warehouse.dir': join(work, 'warehouse') }).flatMap(
        ([name, value]) => ['--conf', `${name}=${value}`],
      ),
      'spark-internal',
      // Its HTTP mode would listen on all addresses.
      ...[
        'transport.mode=binary',
        `thrift.port=${sparkPort}`,
        'thrift.bind.host=127.0.0.1',
        'authentication=NONE',
      ].flatMap((option) => ['--hiveconf', `hive.server2.${option}`]),
    ],
    {
      cwd: work,
      env: { ...process.env, SPARK_HOME: home, SPARK_LOCAL_IP: '127.0.0.1' },
    },
  )
  const sparkServer = await listening(java, `tcp://127.0.0.1:${sparkPort}`)
  const key = certificate.replace('cert.pem', 'key.pem')
  const gateway = join(supportFolder, 'databricks-gateway.mjs')
  const front = spawnServer([process.execPath, gateway, ...[port, sparkPort].map(String), key, certificate, token])
  const server = await listening(front, `https://127.0.0.1:${port}`)
  return {
    ...server,
    port,
    async stop() {
      await server.stop()
      await sparkServer.stop()
      rmSync(work, { recursive: true, force: true })
    },
  }
}
