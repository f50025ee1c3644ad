import { z } from 'zod'
import type { Listener as HeldListener } from '../runtime/snapshot.ts'
import { ProxyProtocolIn } from './client-address.ts'
import { Mode, text, whole } from './field.ts'
import { parseListenAddress } from './host.ts'
import { formatMode } from './mode.ts'
import { formatUnixSocket, isUnixSocket, parseUnixSocket } from './unix-socket.ts'

export const Port = whole(0, 65_535)

const ListenerFields = z
  .strictObject({
    address: text(parseListenAddress, 'an address to listen on')
      .prefault('0.0.0.0')
      .describe(
        'The address to listen on: IPv4, IPv6, a name, or unix:/path/of/a/socket. `::` accepts both IPv6 and IPv4.',
      ),
    port: z.exactOptional(Port).describe('The port to listen on. 0: any free port. Default: 80.'),
    mode: z
      .exactOptional(Mode)
      .describe('The permissions of a Unix socket, which decide who may connect. Default: 0660.'),
    proxyProtocol: ProxyProtocolIn,
  })
  .check(({ value, issues }) => {
    const [key, message] = isUnixSocket(value.address)
      ? (['port', 'no port, because a Unix socket has none'] as const)
      : (['mode', 'no mode, because only a Unix socket has one'] as const)
    if (value[key] === undefined) return
    const input = key === 'mode' ? formatMode(value[key]) : value[key]
    issues.push({ code: 'custom', message, path: [key], input })
  })

/** One entry of `listeners`. */
export const Listener = z.codec(ListenerFields, z.custom<HeldListener>(), {
  decode: ({ address, port = 80, mode = 0o660, proxyProtocol }) =>
    isUnixSocket(address) ? { path: parseUnixSocket(address), mode, proxyProtocol } : { address, port, proxyProtocol },
  encode: (listener) => {
    if (!('path' in listener)) return listener
    const { path, ...rest } = listener
    return { address: formatUnixSocket(path), ...rest }
  },
})
