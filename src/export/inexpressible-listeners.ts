import { isDeepStrictEqual } from 'node:util'
import type { Problem } from '../config/error.ts'
import type { Config } from '../config/schema.ts'
import type { ListenerTls } from '../config/tls/listener-tls.ts'
import { when } from './refusal.ts'

/** A default that nginx cannot express but that is accepted; docs/nginx.md describes the difference. */
const DEFAULT_HANDSHAKE = 10_000

type Listener = Config['listeners'][number]

/** What nginx cannot express of listeners. */
export function inexpressibleListeners({ listeners, trustedProxies }: Config): Problem[] {
  return listeners.flatMap((listener, index) => {
    const path = `listeners[${index}]`
    return [
      ...inexpressiblePlace(listener, path),
      ...when(
        listener.proxyProtocol && trustedProxies.length > 0,
        `${path}.proxyProtocol`,
        'nginx cannot read the client address from a PROXY header and then from X-Forwarded-For',
        'leave out proxyProtocol or trustedProxies',
      ),
      ...inexpressibleTls(listener, path, listeners),
    ]
  })
}

function inexpressiblePlace(listener: Listener, path: string): Problem[] {
  return [
    ...when(
      'port' in listener && listener.port === 0,
      `${path}.port`,
      'nginx cannot listen on any free port',
      'name a port, or use --port',
    ),
    ...when(
      'mode' in listener && listener.mode !== 0o666,
      `${path}.mode`,
      'nginx lets every user connect to its Unix sockets',
      'write 0666, and restrict the directory',
    ),
  ]
}

function inexpressibleTls({ tls, h2c }: Listener, path: string, listeners: Config['listeners']): Problem[] {
  const first = listeners.find((other) => other.tls !== undefined)?.tls
  return [
    ...when(
      h2c === true,
      `${path}.h2c`,
      'nginx cannot speak HTTP/1.1 and HTTP/2 without TLS on one port before 1.25',
      'leave it out',
    ),
    ...(tls === undefined ? [] : inexpressibleTlsSettings(tls, `${path}.tls`, first)),
  ]
}

function inexpressibleTlsSettings(tls: ListenerTls, path: string, first: ListenerTls | undefined): Problem[] {
  const { certificates = [], acme, protocols, clientCertificates, unknownNames, handshakeTimeout } = tls
  return [
    ...when(acme !== undefined, `${path}.acme`, 'nginx does not obtain certificates', 'name their files'),
    ...when(
      certificates.length > 1,
      `${path}.certificates[1]`,
      'the export writes one certificate for all names',
      'leave the others out, and add them to the servers of their names',
    ),
    ...when(
      first !== undefined && !isDeepStrictEqual(tls, first),
      path,
      'the export writes one set of TLS settings for all listeners',
      'give all listeners with tls the same settings',
    ),
    ...when(
      !protocols.includes('http/1.1'),
      `${path}.protocols`,
      'nginx always offers HTTP/1.1',
      'add http/1.1 to the list',
    ),
    ...when(
      clientCertificates !== undefined,
      `${path}.clientCertificates`,
      'nginx cannot tell servers the SHA-256 fingerprint of a client certificate',
      'leave it out, and write ssl_verify_client by hand',
    ),
    ...when(
      unknownNames === 'refuse',
      `${path}.unknownNames`,
      'nginx refuses handshakes by the names of its servers, not by those of certificates',
      'leave it out, and write ssl_reject_handshake by hand',
    ),
    ...when(
      handshakeTimeout !== DEFAULT_HANDSHAKE,
      `${path}.handshakeTimeout`,
      'nginx limits handshakes by client_header_timeout, which is timeouts.head',
      'leave it out',
    ),
  ]
}
