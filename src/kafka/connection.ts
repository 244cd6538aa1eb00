/** How to reach a Kafka cluster, as plain data, and the same for kafkajs. */
import { readFileSync } from 'node:fs'

export interface KafkaTls {
  /** PEM text of the authorities to trust; default: those of Node. */
  readonly ca?: string
  /** PEM text of our own certificate and key (mutual TLS). */
  readonly cert?: string
  readonly key?: string
  readonly passphrase?: string
  /** The name that the broker's certificate must have, where it is not the host's. */
  readonly servername?: string
  /** Default true. False accepts any certificate: for a laptop, never for production. */
  readonly rejectUnauthorized?: boolean
}

export type KafkaSasl =
  | {
      readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'
      readonly username: string
      readonly password: string
    }
  /** The token, or the file that something else keeps fresh: it is read again at every authentication. */
  | { readonly mechanism: 'oauthbearer'; readonly token: string | { readonly file: string } }

export interface KafkaConnection {
  /** `host:port` of some brokers; the others are found from them. */
  readonly brokers: readonly string[]
  readonly clientId: string
  readonly tls: KafkaTls | null
  readonly sasl: KafkaSasl | null
}

/** The `sasl` option of kafkajs. A new object for each cluster, because kafkajs keeps its authenticator in it. */
export function saslOptions(sasl: KafkaSasl | null): Record<string, unknown> | null {
  if (sasl === null) return null
  if (sasl.mechanism !== 'oauthbearer') {
    return { mechanism: sasl.mechanism, username: sasl.username, password: sasl.password }
  }
  const { token } = sasl
  const read = () => (typeof token === 'string' ? token : readFileSync(token.file, 'utf8').trim())
  return { mechanism: 'oauthbearer', oauthBearerProvider: async () => ({ value: read() }) }
}

/** Splits `host:port`, also `[::1]:9092`. */
export function hostAndPort(broker: string): { readonly host: string; readonly port: number } {
  const colon = broker.lastIndexOf(':')
  return { host: broker.slice(0, colon).replace(/^\[(.*)\]$/, '$1'), port: Number(broker.slice(colon + 1)) }
}
