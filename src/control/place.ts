import type { AdminPlace } from '../admin/admin-listener.ts'
import { formatAddress } from '../config/address.ts'
import type { Listener } from '../runtime/snapshot.ts'

/** Where a listener listens, for messages: `0.0.0.0 port 80`, `unix:/run/limpet.sock`. */
export function placeOf(listener: Listener): string {
  return 'path' in listener ? `unix:${listener.path}` : `${listener.address} port ${listener.port}`
}

/** A listener and what clients meet there, for messages: `0.0.0.0 port 443 (https)`. */
export function describeListener(listener: Listener): string {
  return placeOf(listener) + remarkOn(listener)
}

function remarkOn({ tls, redirectTo, h2c }: Listener): string {
  if (tls !== undefined) return ' (https)'
  if (redirectTo !== undefined) return ' (redirects to https)'
  return h2c ? ' (h2c)' : ''
}

/** Where the admin API listens, for messages: `127.0.0.1:9000`, `unix:/run/limpet/admin-80.sock`. */
export function formatAdminPlace(place: AdminPlace): string {
  return formatAddress('socket' in place ? { path: place.socket } : { host: place.address, port: place.port })
}
