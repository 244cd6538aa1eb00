import { type Peer, standardState, stateSchema } from '../peer.ts'
import { type Redshift, startRedshift } from '../redshift.ts'

export async function startRedshiftPeer(): Promise<Peer & Pick<Redshift, 'refused'>> {
  const { url, readerUrl, sql, refused, stop } = await startRedshift()
  const reader = { type: 'redshift', url: readerUrl, stateSchema } as const
  return { config: { type: 'redshift', url, stateSchema }, reader, sql, ...standardState(sql), refused, stop }
}
