import { connect as connectTcp, isIP, type OnReadOpts } from 'node:net'
import type { ConnectionOptions, SecureContext, TLSSocket } from 'node:tls'
import { connectOptions } from './endpoint.ts'
import { nodeTls } from './node-tls.ts'
import type { Endpoint } from './snapshot.ts'
import { tlsMessage } from './tls-message.ts'
import type { UpstreamTls } from './tls-settings.ts'

/** What is offered to servers by ALPN (RFC 7301). */
const offers = { http1: ['http/1.1'], h2: ['h2'], h2c: ['http/1.1'], auto: ['h2', 'http/1.1'] } as const

/** What else a connection may begin with. */
interface Beginning {
  /** The first bytes, sent before the handshake: a PROXY header. */
  readonly introduction?: Uint8Array | undefined
  /** A TLS session to continue. */
  readonly session?: Buffer | undefined
  /** Has node:net read into that buffer. Not with an introduction: Node.js then allocates memory for each read. */
  readonly onread?: OnReadOpts | undefined
}

/** How connections to the servers of an upstream are encrypted. */
export class ServerTls {
  readonly #settings: UpstreamTls
  #context: SecureContext | undefined

  constructor(settings: UpstreamTls) {
    this.#settings = settings
  }

  /**
   * Opens a connection; `secureConnect` or an error follows.
   *
   * @param protocol what is offered by ALPN
   */
  connect(endpoint: Endpoint, protocol: keyof typeof offers, beginning: Beginning = {}): TLSSocket {
    const { introduction, session, onread } = beginning
    const options = this.#optionsFor(endpoint, protocol)
    if (session !== undefined) options.session = session
    if (introduction === undefined || introduction.length === 0) {
      // Unlike node:tls, its types know no `onread`.
      const socket = nodeTls().connect({ ...options, ...connectOptions(endpoint), onread } as object)
      return socket.setNoDelay(true)
    }
    const carrier = connectTcp({ ...connectOptions(endpoint), noDelay: true })
    carrier.write(introduction)
    return nodeTls().connect({ ...options, socket: carrier })
  }

  #optionsFor(endpoint: Endpoint, protocol: keyof typeof offers): ConnectionOptions {
    this.#context ??= contextOf(this.#settings)
    const name = this.#settings.serverName ?? ('path' in endpoint ? 'localhost' : endpoint.host)
    const options: ConnectionOptions = {
      secureContext: this.#context,
      ALPNProtocols: [...offers[protocol]],
      rejectUnauthorized: this.#settings.verify,
      checkServerIdentity: (_, certificate) => nodeTls().checkServerIdentity(name, certificate),
    }
    // There is no server name for an IP address (RFC 6066 §3).
    if (isIP(name) === 0) options.servername = name
    return options
  }
}

function contextOf({ ca, client }: UpstreamTls): SecureContext {
  const { createSecureContext } = nodeTls()
  if (ca === undefined && client === undefined) {
    systemContext ??= createSecureContext({ ca: systemAuthorities() })
    return systemContext
  }
  return createSecureContext({
    ca: ca ?? systemAuthorities(),
    ...(client && { cert: client.chain, key: client.key }),
  })
}

/** Shared, since reading the authorities of the system takes about 20 ms. */
let systemContext: SecureContext | undefined

/** Those of Node.js where the system has none, as in a small container image. */
function systemAuthorities(): string[] {
  const { getCACertificates } = nodeTls()
  const system = getCACertificates('system')
  return system.length > 0 ? [...system, ...getCACertificates('extra')] : getCACertificates('default')
}

/**
 * What OpenSSL says of a connection to a server that failed, and what to do about it if that is known: one line for the log.
 *
 * @returns undefined if that is not due to TLS: the connection could not even be opened
 */
export function tlsFaultIn(error: Error): string | undefined {
  const { code = '', syscall = '', message } = error as NodeJS.ErrnoException
  if (error instanceof AggregateError || syscall === 'connect' || syscall.startsWith('getaddrinfo')) return undefined
  // The message of an error in OpenSSL begins and ends with codes: `80F2…:error:0A00010B:SSL routines:…:wrong version number:…`.
  const cause = tlsMessage(code.startsWith('ERR_') ? reasonOf(error) : message || code)
  const advice = kinds.find(({ codes }) => codes.test(code))?.advice
  return advice === undefined ? cause : `${cause}; ${advice}`
}

/**
 * Whether a server has refused the connection by an alert (RFC 8446 §6). With TLS 1.3, it judges a certificate of the client when
 * that already takes the connection for open.
 */
export function isAlert(error: Error | undefined): boolean {
  const { code = '' } = (error ?? {}) as NodeJS.ErrnoException
  return code.startsWith('ERR_SSL_') && code.includes('_ALERT_')
}

function reasonOf(error: Error & { reason?: string }): string {
  return error.reason ?? error.message
}

const kinds = [
  {
    codes: /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    advice: 'if it is the right server, set tls: { serverName } to a name that its certificate covers',
  },
  {
    codes: /SELF_SIGNED|^UNABLE_TO_|^CERT_UNTRUSTED$|^INVALID_CA$|^CERT_SIGNATURE_FAILURE$/,
    advice: 'set tls: { ca } to the certificate of the authority that issued it (tls: { verify: false } accepts any)',
  },
  {
    codes: /^CERT_/,
    advice: 'give the server a certificate that is valid (tls: { verify: false } accepts any)',
  },
  {
    codes: /^ERR_SSL_(?:WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST)$/,
    advice: 'the server does not speak TLS at this address: correct the address, or leave out tls',
  },
  {
    codes: /NO_APPLICATION_PROTOCOL/,
    advice: 'set protocol to one that the server speaks: http1, h2, or auto',
  },
  {
    codes: /ALERT_(?:CERTIFICATE|BAD_CERTIFICATE|UNKNOWN_CA|UNSUPPORTED_CERTIFICATE|HANDSHAKE_FAILURE|ACCESS_DENIED)/,
    advice: 'if the server demands a certificate of its clients, set tls: { cert, key } to one that it accepts',
  },
]
