import type { ProxyProtocolVersion } from './snapshot.ts'

/** What a header of version 2 begins with (proxy-protocol.txt §2.2), and its command for a connection of the sender's own. */
export const PROXY_SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n')
export const LOCAL = 0x20

/** The PROXY header of a connection on which nobody but its own end speaks, such as a health check. */
export function localHeader(version: ProxyProtocolVersion): Buffer {
  if (version === 'v1') return Buffer.from('PROXY UNKNOWN\r\n')
  return Buffer.from([...PROXY_SIGNATURE, LOCAL, 0, 0, 0])
}
