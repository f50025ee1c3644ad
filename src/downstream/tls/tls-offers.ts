import type { SecureContext } from 'node:tls'
import type { WorkerContext } from '../../exchange/worker-context.ts'
import type { Certificate, ListenerTls } from '../../runtime/tls-settings.ts'
import type { Ends } from '../../transport/ends.ts'
import { type HostCertificates, onlyCertificate } from './certificate-table.ts'
import type { ClientHello } from './client-hello.ts'
import { TlsContexts, wireFormat } from './tls-contexts.ts'

/** The protocol by which an authority makes sure that a host is served here (RFC 8737). */
const CHALLENGE = 'acme-tls/1'
const challengeProtocols = wireFormat([CHALLENGE])

/** What a client is offered that has sent its ClientHello. */
export interface TlsOffer {
  readonly context: SecureContext
  /** For ALPN, in order of preference (RFC 7301 §3.1). */
  readonly protocols: Buffer
  /** It is shown one of these. */
  readonly certificates: HostCertificates
  /** Whether an authority is answered and not a client: the connection ends with the handshake. */
  readonly isChallenge: boolean
}

/**
 * Obtains certificates on demand, for hosts that have none yet.
 *
 * @param settled to be called once there is one, or there will be none; not before this returns
 * @returns whether the client is to wait for that
 */
export type CertificateDemand = (host: string, settled: () => void) => boolean

/** What a worker offers to clients that connect by TLS. */
export class TlsOffers {
  /** By host: shown to authorities that ask for `acme-tls/1`, and to nobody else. */
  challenges: ReadonlyMap<string, Certificate> = new Map()
  /** Undefined where no certificates are obtained on demand. */
  demand: CertificateDemand | undefined
  readonly #context: WorkerContext
  readonly #contexts = new WeakMap<ListenerTls, TlsContexts>()

  constructor(context: WorkerContext) {
    this.#context = context
  }

  /** Whether a certificate for that host is obtained first, if there is none; `settled` is called then. */
  awaits({ serverName, protocols }: ClientHello, settings: ListenerTls, ends: Ends, settled: () => void): boolean {
    if (this.demand === undefined || settings.isOnDemand !== true || serverName === '') return false
    // It must be answered before there is a certificate.
    if (protocols.includes(CHALLENGE)) return false
    const found = this.#contextsOf(settings).find(serverName, ends, this.#context.generation.snapshot)
    return found === undefined && this.demand(serverName, settled)
  }

  /** @returns undefined for a host that is not to be served */
  offer({ serverName, protocols }: ClientHello, settings: ListenerTls, ends: Ends): TlsOffer | undefined {
    const { snapshot } = this.#context.generation
    const contexts = this.#contextsOf(settings)
    const challenge = protocols.includes(CHALLENGE) ? this.challenges.get(serverName) : undefined
    if (challenge !== undefined) {
      const certificates = onlyCertificate(challenge)
      const context = contexts.contextFor(certificates, snapshot)
      return { context, protocols: challengeProtocols, certificates, isChallenge: true }
    }
    const isKnown = serverName === '' || settings.unknownNames === 'default'
    const certificates = contexts.find(serverName, ends, snapshot) ?? (isKnown ? contexts.standard : undefined)
    if (certificates === undefined) return undefined
    const context = contexts.contextFor(certificates, snapshot)
    return { context, protocols: contexts.protocols, certificates, isChallenge: false }
  }

  #contextsOf(settings: ListenerTls): TlsContexts {
    let contexts = this.#contexts.get(settings)
    if (contexts === undefined) {
      contexts = new TlsContexts(settings)
      this.#contexts.set(settings, contexts)
    }
    return contexts
  }
}
