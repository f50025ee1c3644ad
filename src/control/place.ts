import type { Listener } from '../runtime/snapshot.ts'

/** Where a listener listens, for messages: `0.0.0.0 port 80`, `unix:/run/limpet.sock`. */
export function placeOf(listener: Listener): string {
  return 'path' in listener ? `unix:${listener.path}` : `${listener.address} port ${listener.port}`
}
