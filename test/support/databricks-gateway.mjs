/**
 * Databricks' side of Thrift in front of Spark's own Thrift server: node databricks-gateway.mjs PORT SPARK_PORT KEY CERT TOKEN
 *
 * Databricks speaks Thrift over HTTPS with fields of its own; Spark speaks it over a socket, framed, after a SASL greeting, and leaves
 * those fields out. Results are passed on by columns; Arrow, cloud fetch and parameters of statements are not emulated.
 */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { createRequire } from 'node:module'
import { connect } from 'node:net'

const [port, sparkPort, key, cert, token] = process.argv.slice(2)
const require = createRequire(import.meta.url)
// The driver's own copy of the interface, and of the package that speaks it.
const ofDriver = createRequire(require.resolve('@databricks/sql'))
const { TBinaryProtocol, TBufferedTransport, TFramedTransport } = ofDriver('thrift')
const Service = ofDriver('../thrift/TCLIService')
const types = ofDriver('../thrift/TCLIService_types')
const { TOperationState, TProtocolVersion, TSparkRowSetType, TStatus, TStatusCode } = types

const longestPollMs = 1000

/** One socket to Spark, one call at a time. */
function openSpark() {
  return new Promise((opened, refused) => {
    const socket = connect(Number(sparkPort), '127.0.0.1').setNoDelay(true)
    const transport = new TFramedTransport(undefined, (message) => socket.write(message))
    const client = new Service.Client(transport, TBinaryProtocol)
    const spark = { client, ended: false, fail: refused }
    const greeting = (status, text) => {
      const head = Buffer.alloc(5)
      head[0] = status
      head.writeUInt32BE(Buffer.byteLength(text), 1)
      return Buffer.concat([head, Buffer.from(text)])
    }
    const receive = TFramedTransport.receiver((answer) => {
      const protocol = new TBinaryProtocol(answer)
      const { fname, mtype, rseqid } = protocol.readMessageBegin()
      client[`recv_${fname}`](protocol, mtype, rseqid)
    })
    let greeted = false
    socket.on('connect', () => socket.write(Buffer.concat([greeting(1, 'PLAIN'), greeting(5, '\0test\0test')])))
    socket.on('data', (data) => {
      let rest = data
      if (!greeted) {
        if (data[0] !== 5) return socket.destroy(new Error(`Spark refuses the login: ${data}`))
        greeted = true
        rest = data.subarray(5 + data.readUInt32BE(1))
        opened(spark)
      }
      if (rest.length > 0) receive(rest)
    })
    const end = (error) => {
      spark.ended = true
      spark.fail(error ?? new Error('Spark closed the connection'))
    }
    socket.on('error', end)
    socket.on('close', () => end())
  })
}

/** Never closed: Spark ends a session together with the socket that opened it. */
const idle = []

async function call(method, request) {
  const spark = idle.pop() ?? (await openSpark())
  if (spark.ended) return call(method, request)
  const answer = await new Promise((resolve, reject) => {
    spark.fail = reject
    spark.client[method](request, (error, found) => (error ? reject(error) : resolve(found)))
  })
  idle.push(spark)
  return answer
}

const bad = ({ statusCode }) =>
  statusCode === TStatusCode.ERROR_STATUS || statusCode === TStatusCode.INVALID_HANDLE_STATUS

/** Spark's message holds its whole stack; Databricks shows `[CODE] sentence SQLSTATE: …`. */
function shown(message) {
  const first = message.split('\n\tat ')[0]
  const code = /\[[A-Z][A-Z0-9_.]+\]/.exec(first)
  return code === null ? first : first.slice(first.lastIndexOf(code[0])).trim()
}

const handlers = {
  async OpenSession() {
    const answer = await call(
      'OpenSession',
      new types.TOpenSessionReq({
        client_protocol: TProtocolVersion.HIVE_CLI_SERVICE_PROTOCOL_V10,
        username: 'test',
        configuration: {},
      }),
    )
    const version = TProtocolVersion.SPARK_CLI_SERVICE_PROTOCOL_V8
    answer.serverProtocolVersion = version
    if (answer.sessionHandle) answer.sessionHandle.serverProtocolVersion = version
    return answer
  },

  ExecuteStatement: ({ sessionHandle, statement, queryTimeout }) =>
    call(
      'ExecuteStatement',
      new types.TExecuteStatementReq({ sessionHandle, statement, runAsync: true, queryTimeout }),
    ),

  /** Waits a little for the end, so that a client need not ask so often. */
  async GetOperationStatus(request) {
    for (const until = Date.now() + longestPollMs; ; ) {
      const answer = await call('GetOperationStatus', request)
      if (answer.errorMessage) {
        answer.displayMessage = shown(answer.errorMessage)
        answer.sqlState = /SQLSTATE: (\w{5})/.exec(answer.displayMessage)?.[1] ?? answer.sqlState
      }
      const { INITIALIZED_STATE, PENDING_STATE, RUNNING_STATE } = TOperationState
      const going = [INITIALIZED_STATE, PENDING_STATE, RUNNING_STATE].includes(answer.operationState)
      if (!going || Date.now() > until) return answer
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  },

  async GetResultSetMetadata(request) {
    const answer = await call('GetResultSetMetadata', request)
    if (bad(answer.status)) return answer
    answer.resultFormat = TSparkRowSetType.COLUMN_BASED_SET
    // Spark counts from 0, the driver from 1.
    for (const [index, column] of (answer.schema?.columns ?? []).entries()) column.position = index + 1
    return answer
  },

  async FetchResults(request) {
    const answer = await call('FetchResults', request)
    if (bad(answer.status)) return answer
    const [first] = answer.results?.columns ?? []
    const values = first && Object.values(first).find((column) => column?.values)?.values
    // Spark always says that there is nothing more.
    answer.hasMoreRows = (values?.length ?? 0) === Number(request.maxRows)
    return answer
  },
}
for (const method of ['CancelOperation', 'CloseOperation', 'CloseSession', 'GetInfo'])
  handlers[method] = (request) => call(method, request)

const service = Object.fromEntries(
  Object.entries(handlers).map(([method, handle]) => [
    method,
    (request, done) => {
      const failed = ({ message }) =>
        new types[`T${method}Resp`]({
          status: new TStatus({ statusCode: TStatusCode.ERROR_STATUS, errorMessage: message, sqlState: 'HY000' }),
          serverProtocolVersion: TProtocolVersion.SPARK_CLI_SERVICE_PROTOCOL_V8,
        })
      handle(request).then(
        (answer) => done(null, answer),
        (error) => done(null, failed(error)),
      )
    },
  ]),
)
const processor = new Service.Processor(service)

createServer({ key: readFileSync(key), cert: readFileSync(cert) }, async (message, response) => {
  const parts = []
  for await (const part of message) parts.push(part)
  if (message.method !== 'POST' || !message.url.startsWith('/sql/1.0/warehouses/')) return response.writeHead(404).end()
  if (message.headers.authorization !== `Bearer ${token}`)
    return response.writeHead(401, { 'x-thriftserver-error-message': 'Invalid access token.' }).end()
  const out = new TBufferedTransport(undefined, (body) =>
    response.writeHead(200, { 'content-type': 'application/x-thrift' }).end(body),
  )
  TBufferedTransport.receiver(
    (body) => processor.process(new TBinaryProtocol(body), new TBinaryProtocol(out)),
    0,
  )(Buffer.concat(parts))
}).listen(Number(port), '127.0.0.1')
