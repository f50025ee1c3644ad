import { z } from 'zod'
import type { ListeningPlace } from '../runtime/snapshot.ts'
import { ProxyProtocolIn } from './client-address.ts'
import { InvalidValue } from './error.ts'
import { Mode, matching, text, whole, written } from './field.ts'
import { parseListenAddress } from './host.ts'
import { formatMode } from './mode.ts'
import { ListenerTls } from './tls/listener-tls.ts'
import { formatUnixSocket, isUnixSocket, parseUnixSocket } from './unix-socket.ts'

/** A listener as the program holds it. */
export type Listener = ListeningPlace & {
  /** By which routes may name it. */
  name?: string
  proxyProtocol: boolean
  tls?: ListenerTls
  h2c?: true
  /** `off`: not even where it is the default. */
  redirectTo?: { port: number } | 'off'
}

export const Port = whole(0, 65_535)

const HTTP_PORT = 80
const HTTPS_PORT = 443

const aRedirect = 'https, https: and a port such as https:8443, or off'

/** Where requests are redirected to: `https`, or `https:8443`; or `off`. */
const Redirect = written(
  z.union([z.enum(['https', 'off'], aRedirect), z.string().regex(/^https:[1-9]\d{0,4}$/, aRedirect)], aRedirect),
  (target) => {
    if (target === 'off') return target
    const [, port = HTTPS_PORT] = target.split(':')
    if (Number(port) > 65_535) throw new InvalidValue(aRedirect)
    return { port: Number(port) }
  },
  // zod also calls this for a missing value.
  (target) => {
    if (target === undefined || target === 'off') return target
    return target.port === HTTPS_PORT ? 'https' : `https:${target.port}`
  },
)

const ListenerFields = z
  .strictObject({
    name: z
      .exactOptional(matching(/^[A-Za-z][\w.-]*$/, 'a name of letters, digits and . _ -, with a letter first'))
      .describe('A name by which routes can say that they are for this listener. Default: none.'),
    address: text(parseListenAddress, 'an address to listen on')
      .prefault('0.0.0.0')
      .describe(
        'The address to listen on: IPv4, IPv6, a name, or unix:/path/of/a/socket. `::` accepts both IPv6 and IPv4.',
      ),
    port: z.exactOptional(Port).describe('The port to listen on. 0: any free port. Default: 80, or 443 with tls.'),
    mode: z
      .exactOptional(Mode)
      .describe('The permissions of a Unix socket, which decide who may connect. Default: 0660.'),
    proxyProtocol: ProxyProtocolIn,
    tls: z.exactOptional(ListenerTls).describe('TLS from clients: its certificates and settings. Default: none.'),
    h2c: z
      .exactOptional(z.boolean())
      .describe('Whether clients may speak HTTP/2 without TLS, if they know that they may. Default: false.'),
    redirect: z
      .exactOptional(Redirect)
      .describe(
        'Redirects every request to the same URL with https, on port 443, or on that of https:8443. Default: off; https on port 80 if certificates are obtained by acme.',
      ),
  })
  .check(({ value, issues }) => {
    const [key, message] = isUnixSocket(value.address)
      ? (['port', 'no port, because a Unix socket has none'] as const)
      : (['mode', 'no mode, because only a Unix socket has one'] as const)
    if (value[key] === undefined) return
    const input = key === 'mode' ? formatMode(value[key]) : value[key]
    issues.push({ code: 'custom', message, path: [key], input })
  })
  .check(({ value: { tls, h2c, redirect }, issues }) => {
    if (tls === undefined) return
    if (h2c) {
      const params = { hint: 'leave it out: tls.protocols offers h2' }
      issues.push({ code: 'custom', message: 'no h2c beside tls', path: ['h2c'], input: h2c, params })
    }
    if (redirect !== undefined) {
      const params = { hint: 'write it at the listener without TLS' }
      const input = z.encode(Redirect, redirect)
      issues.push({ code: 'custom', message: 'no redirect to https beside tls', path: ['redirect'], input, params })
    }
  })

/** One entry of `listeners`. */
export const Listener = z.codec(ListenerFields, z.custom<Listener>(), {
  decode: ({ name, address, port, mode = 0o660, proxyProtocol, tls, h2c, redirect }) => ({
    ...(isUnixSocket(address)
      ? { path: parseUnixSocket(address), mode }
      : { address, port: port ?? (tls === undefined ? HTTP_PORT : HTTPS_PORT) }),
    ...(name !== undefined && { name }),
    proxyProtocol,
    ...(tls !== undefined && { tls }),
    ...(h2c && { h2c }),
    ...(redirect !== undefined && { redirectTo: redirect }),
  }),
  encode: ({ redirectTo, ...listener }) => {
    const redirect = redirectTo && { redirect: redirectTo }
    if (!('path' in listener)) return { ...listener, ...redirect }
    const { path, ...rest } = listener
    return { address: formatUnixSocket(path), ...rest, ...redirect }
  },
})
