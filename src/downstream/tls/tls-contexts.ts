import { constants, createHash } from 'node:crypto'
import type { SecureContext } from 'node:tls'
import { nodeTls } from '../../runtime/node-tls.ts'
import type { Snapshot } from '../../runtime/snapshot.ts'
import type { Certificate, ListenerTls } from '../../runtime/tls-settings.ts'
import type { Ends } from '../../transport/ends.ts'
import { CertificateTable, type HostCertificates } from './certificate-table.ts'

const OPTIONS =
  constants.SSL_OP_NO_RENEGOTIATION |
  constants.SSL_OP_NO_COMPRESSION |
  // Clients that prefer ChaCha20 are slow with AES.
  constants.SSL_OP_PRIORITIZE_CHACHA

/** Certificates, ready to be shown by the settings of a listener. */
interface Prepared {
  readonly context: SecureContext
  ticketKey: Uint8Array | undefined
}

/**
 * The certificates of a listener, ready to be shown. Each is prepared when a client first needs it, which takes about a
 * millisecond, and kept while it is the same object in the Snapshot, so that another Snapshot costs nothing for those that are
 * still in it.
 */
export class TlsContexts {
  /** What is offered by ALPN. */
  readonly protocols: Buffer
  readonly #settings: ListenerTls
  readonly #sessionIdContext: string
  /** What `#table` was made of. */
  #certificates: Snapshot['certificates']
  #table = new CertificateTable([])
  /** By both certificates of a pair; by the same one twice, if it is alone. */
  readonly #prepared = new WeakMap<Certificate, WeakMap<Certificate, Prepared>>()

  constructor(settings: ListenerTls) {
    this.protocols = wireFormat(settings.protocols)
    this.#settings = settings
    this.#sessionIdContext = sessionIdContextOf(settings)
  }

  /**
   * The certificates for a client: those of the host that it names or, if it names none, of the address that it has connected to.
   *
   * @param host in lower case; empty for none
   */
  find(host: string, ends: Ends, snapshot: Snapshot): HostCertificates | undefined {
    this.#takeIn(snapshot)
    if (host !== '') return this.#table.find(host)
    return this.#table.hasAddresses ? this.#table.find(ends.destination.address.text) : undefined
  }

  /** The certificates for a client that none are found for. */
  get standard(): HostCertificates | undefined {
    return this.#table.standard
  }

  #takeIn({ certificates }: Snapshot): void {
    if (certificates === this.#certificates) return
    const byName = new Map(certificates?.map((certificate) => [certificate.name, certificate]))
    this.#table = new CertificateTable(this.#settings.certificates.flatMap((name) => byName.get(name) ?? []))
    this.#certificates = certificates
  }

  /** The context that shows the one of these certificates that the client can use. */
  contextFor(pair: HostCertificates, { ticketKey }: Snapshot): SecureContext {
    const prepared = this.#prepare(pair)
    if (prepared.ticketKey !== ticketKey) {
      if (ticketKey !== undefined) prepared.context.context.setTicketKeys(ticketKey)
      prepared.ticketKey = ticketKey
    }
    return prepared.context
  }

  #prepare({ ecdsa, rsa }: HostCertificates): Prepared {
    const certificates = [ecdsa ?? [], rsa ?? []].flat()
    const [first, last] = [certificates[0]!, certificates.at(-1)!]
    const byLast = this.#prepared.get(first) ?? new WeakMap<Certificate, Prepared>()
    const before = byLast.get(last)
    if (before !== undefined) return before
    const context = contextOf(certificates, this.#settings, this.#sessionIdContext)
    const prepared = { context, ticketKey: undefined }
    this.#prepared.set(first, byLast.set(last, prepared))
    return prepared
  }
}

function contextOf(
  certificates: readonly Certificate[],
  { ciphers, minVersion, clientCertificates }: ListenerTls,
  sessionIdContext: string,
): SecureContext {
  return nodeTls().createSecureContext({
    cert: certificates.map(({ chain }) => chain),
    key: certificates.map(({ key }) => key),
    // Without any, Node.js would trust the authorities of the web.
    ca: clientCertificates === undefined ? [] : [clientCertificates.ca],
    minVersion,
    ciphers,
    honorCipherOrder: true,
    secureOptions: OPTIONS,
    dhparam: 'auto',
    sessionIdContext,
  })
}

/**
 * What the sessions of listeners have in common that may continue each other's (`SSL_CTX_set_session_id_context`): a client that was
 * accepted without a certificate, or by other authorities, must not continue its session where it would need one.
 */
function sessionIdContextOf({ clientCertificates }: ListenerTls): string {
  if (clientCertificates === undefined) return 'limpet'
  const { ca, isRequired } = clientCertificates
  return createHash('sha256').update(`${isRequired} ${ca}`).digest('hex').slice(0, 32)
}

/** A list of protocols as ALPN has it (RFC 7301 §3.1). */
export function wireFormat(protocols: readonly string[]): Buffer {
  return Buffer.concat(protocols.map((name) => Buffer.from(`${String.fromCharCode(name.length)}${name}`, 'latin1')))
}
