import { type Peer, standardState, stateSchema } from '../peer.ts'
import { type Redshift, startRedshift } from '../redshift.ts'

export async function startRedshiftPeer(): Promise<Peer & Pick<Redshift, 'refused'>> {
  const { url, sql, refused, stop } = await startRedshift()
  return { config: { type: 'redshift', url, stateSchema }, sql, ...standardState(sql), refused, stop }
}
