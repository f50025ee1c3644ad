import type { Failure } from '../../exchange/failure.ts'
import { makeRequestId } from '../../exchange/request-id.ts'
import type { WorkerContext } from '../../exchange/worker-context.ts'
import { TOKEN } from '../../http1/bytes.ts'
import { PendingBytes } from '../../http1/pending-bytes.ts'
import type { ListenerTls } from '../../runtime/tls-settings.ts'
import { type Ends, securedEnds } from '../../transport/ends.ts'
import { own, type SocketOwner } from '../../transport/socket-owner.ts'
import {
  type ClientSocket,
  closeSocket,
  type SecureClientSocket,
  secureSocketOf,
  verifiedCertificate,
} from '../client-socket.ts'
import type { Entrance } from '../entrance.ts'
import { NewConnection, type NewConnectionOwner } from '../new-connection.ts'
import { recordOfRefusal } from '../refusal.ts'
import { type ClientHello, ClientHelloError, LARGEST_START, readClientHello } from './client-hello.ts'
import { handshakeErrorText } from './handshake-error.ts'
import { TlsConnection } from './tls-connection.ts'
import type { TlsOffer, TlsOffers } from './tls-offers.ts'

export interface HandshakeOwner extends NewConnectionOwner {
  /** The connection goes on by TLS, on that socket and with these ends. */
  secured(handshake: Handshake, socket: ClientSocket, ends: Ends): void
  /** The client speaks HTTP without TLS; these bytes are what it has sent. */
  unencrypted(handshake: Handshake, bytes: Buffer): void
}

/** A fatal alert (RFC 8446 §6.2) in a record of its own, for a client whose handshake does not begin. */
const UNRECOGNIZED_NAME = Buffer.from([21, 3, 3, 0, 2, 2, 112])

const NOTHING = Buffer.alloc(0)

/** The owner of the socket that carries a connection by TLS, which closes with it. */
const nobody: SocketOwner = { whenEnded() {}, whenClosed() {} }

/** A connection on a listener with TLS, until its handshake is over. */
export class Handshake extends NewConnection {
  declare protected readonly owner: HandshakeOwner
  #settings: ListenerTls
  readonly #offers: TlsOffers
  /** What has been read, until there is a whole ClientHello. */
  #start: PendingBytes | undefined
  #secureSocket: SecureClientSocket | undefined
  #isSecure = false
  /** Whether the connection has another owner, or is being closed. */
  #isOver = false

  constructor(
    socket: ClientSocket,
    entrance: Entrance,
    ends: Ends,
    settings: ListenerTls,
    offers: TlsOffers,
    context: WorkerContext,
    owner: HandshakeOwner,
  ) {
    super(socket, entrance, ends, context, owner, settings.handshakeTimeout)
    this.#settings = settings
    this.#offers = offers
  }

  /** Whether there is a trusted proxy at the other end. */
  get isTrusted(): boolean {
    return this.context.generation.trustedProxies?.include(this.peer) === true
  }

  override stop(): void {
    this.#close()
  }

  /** Closes a connection for which there is no room: only a handshake could tell the client. The operator is told. */
  turnAway(failure: Failure): void {
    const { context, entrance, peer } = this
    const record = recordOfRefusal(NOTHING, this, failure, makeRequestId(), 0)
    for (const observer of context.observers) observer.ended(record)
    context.notices.connectionRefused(entrance.listener, peer.text, `there are too many connections ${failure.detail}`)
    this.#close()
  }

  override expire(): void {
    this.#refuse('its TLS handshake did not finish in time')
  }

  // ── the ClientHello ────────────────────────────────────────────────────────────────────────────────────────────

  override whenRead(bytes: Buffer): void {
    if (this.#isOver) return
    // A request begins with a method; a record of TLS does not begin like that.
    if (this.#start === undefined && TOKEN[bytes[0]!] === 1) return this.owner.unencrypted(this.leave(), bytes)
    this.#start ??= new PendingBytes(NOTHING)
    this.#start.add(bytes, LARGEST_START)
    try {
      const hello = readClientHello(this.#start.bytes)
      if (hello !== undefined) this.#offer(hello)
    } catch (error) {
      if (!(error instanceof ClientHelloError)) throw error
      this.#refuse(error.message)
    }
  }

  /** Offers the client what it can use, or waits for a certificate first. */
  #offer(hello: ClientHello): void {
    const { socket } = this
    // OpenSSL reads the ClientHello again, and what follows it.
    socket.reader = undefined
    socket.pause()
    if (!this.#offers.awaits(hello, this.#settings, this.ends, () => this.#continue(hello))) this.#begin(hello)
  }

  /** The listener may have another certificate by now. */
  #continue(hello: ClientHello): void {
    this.#settings = this.entrance.listener.tls ?? this.#settings
    this.#begin(hello)
  }

  // ── OpenSSL's part ─────────────────────────────────────────────────────────────────────────────────────────────

  #begin(hello: ClientHello): void {
    if (this.#isOver || this.socket.destroyed) return
    let offer: TlsOffer | undefined
    try {
      offer = this.#offers.offer(hello, this.#settings, this.ends)
    } catch (error) {
      return this.#refuse(`the certificate cannot be used: ${(error as Error).message}`)
    }
    if (offer === undefined) {
      this.socket.write(UNRECOGNIZED_NAME)
      const { serverName } = hello
      return this.#refuse(
        serverName === '' ? 'there is no certificate yet' : 'no certificate covers the host that it names',
      )
    }
    const { clientCertificates } = offer.isChallenge ? {} : this.#settings
    const socket = secureSocketOf(this.socket, this.#start!.bytes, {
      secureContext: offer.context,
      ALPNProtocols: offer.protocols,
      requestCert: clientCertificates !== undefined,
      rejectUnauthorized: clientCertificates?.isRequired === true,
    })
    this.#secureSocket = socket
    own(this.socket, nobody)
    own(socket, this)
    socket.once('secure', () => this.#secured(socket, hello, offer))
  }

  #secured(socket: SecureClientSocket, { serverName }: ClientHello, { certificates, isChallenge }: TlsOffer): void {
    if (this.#isOver) return
    this.#isSecure = true
    if (isChallenge) return this.#close()
    const settings = this.#settings
    const { clientCertificates } = settings
    const verified = clientCertificates === undefined ? '' : verifiedCertificate(socket)
    if (clientCertificates?.isRequired === true && typeof verified === 'string')
      return this.#refuse(`the certificate of the client is not valid: ${verified}`)
    const client = typeof verified === 'string' ? undefined : verified
    const tls = new TlsConnection(socket, serverName, certificates, settings, client)
    this.owner.secured(this.leave(), socket, securedEnds(this.ends, tls))
  }

  // ── the end ────────────────────────────────────────────────────────────────────────────────────────────────────

  protected override leave(): this {
    this.#isOver = true
    return super.leave()
  }

  /** Closes the connection, and reports why; not where nothing was sent at all, as by some health checks. */
  #refuse(cause: string): void {
    if (this.#isOver) return
    if (this.#start !== undefined) {
      this.context.connections.handshakeFailed()
      this.context.notices.handshakeFailed(this.entrance.listener, this.peer.text, cause)
    }
    this.#close()
  }

  #close(): void {
    this.#isOver = true
    if (this.#isSecure) closeSocket(this.#secureSocket!)
    else (this.#secureSocket ?? this.socket).destroy()
  }

  override whenEnded(): void {
    this.#refuse('it ended within its TLS handshake')
  }

  whenFailed(error: Error): void {
    this.#refuse(handshakeErrorText(error))
  }

  override whenClosed(): void {
    this.#refuse('it was closed within its TLS handshake')
    super.whenClosed()
  }
}
