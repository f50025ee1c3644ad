import { z } from 'zod'
import { InvalidValue } from './error.ts'
import { text, whole } from './field.ts'
import { parseListenAddress } from './host.ts'
import { isUnixSocket } from './unix-socket.ts'

function parseMetricsAddress(written: string): string {
  const address = parseListenAddress(written)
  if (isUnixSocket(address)) throw new InvalidValue('an address', 'the admin API serves /metrics on a Unix socket')
  return address
}

/** Where metrics are served, and nothing else. */
export const Metrics = z.strictObject({
  address: text(parseMetricsAddress, 'an address to listen on')
    .prefault('127.0.0.1')
    .describe('The address on which metrics are served. Whoever reaches it can read them.'),
  port: whole(0, 65_535).prefault(9001).describe('The port. 0: any free port.'),
})
