import { createHash, createPrivateKey, X509Certificate } from 'node:crypto'
import type { StateDirectory } from '../../state/state-directory.ts'
import type { ChallengeType, KeyType } from '../protocol/authority-settings.ts'

/** A certificate that an authority has issued, as the state directory keeps it. */
export interface KeptCertificate {
  /** The host that it was obtained for. */
  readonly host: string
  /** The URL of the directory of the authority that has issued it. */
  readonly directory: string
  readonly profile?: string
  readonly keyType: KeyType
  /** The kind of challenge by which it was obtained. */
  readonly challenge: ChallengeType
  /** Whether it was obtained for a host that is not in the configuration. */
  readonly isOnDemand: boolean
  /** The certificate and its chain, and its key, as PEM. */
  readonly chain: string
  readonly key: string
}

/** An order that has not ended, so that another process can go on with it. */
export interface KeptOrder {
  readonly host: string
  readonly directory: string
  readonly url: string
  /** The key of the certificate, as PEM. */
  readonly key: string
}

/** An account with an authority. */
export interface KeptAccount {
  readonly directory: string
  /** As PEM. */
  readonly key: string
  /** Its URL. Absent: the authority does not know it yet. */
  readonly url?: string
  readonly email?: string
  /** The key id of the external account that it was tied to. */
  readonly externalId?: string
}

const SUFFIX = '.json'

/** What ACME keeps in the state directory: a file for each account, each certificate, and each order that has not ended. */
export class AcmeStore {
  readonly #state: StateDirectory

  constructor(state: StateDirectory) {
    this.#state = state
  }

  account(directory: string): KeptAccount | undefined {
    return this.#usable<KeptAccount>(accountFile(directory), (found) => {
      return found.directory === directory && typeof found.key === 'string'
    })
  }

  /** @throws the system's error */
  async keepAccount(account: KeptAccount): Promise<void> {
    await this.#write(accountFile(account.directory), account)
  }

  /** An account that the authority no longer accepts is not used again. */
  dropAccount(directory: string): void {
    this.#state.remove(accountFile(directory))
  }

  certificate(host: string): KeptCertificate | undefined {
    return this.#usable<KeptCertificate>(certificateFile(host), (found) => found.host === host && isPair(found))
  }

  /** The hosts of certificates that were obtained on demand. */
  hostsOnDemand(): string[] {
    const files = this.#state.names().filter((name) => name.startsWith(CERTIFICATE) && name.endsWith(SUFFIX))
    return files.flatMap((name) => {
      const found = this.#read<KeptCertificate>(name)
      return found?.isOnDemand === true && typeof found.host === 'string' ? found.host : []
    })
  }

  /** @throws the system's error */
  async keepCertificate(certificate: KeptCertificate): Promise<void> {
    await this.#write(certificateFile(certificate.host), certificate)
  }

  dropCertificate(host: string): void {
    this.#state.remove(certificateFile(host))
  }

  order(host: string): KeptOrder | undefined {
    return this.#usable<KeptOrder>(orderFile(host), ({ host: its, directory, url, key }) => {
      return its === host && typeof directory === 'string' && URL.canParse(String(url)) && isKey(key)
    })
  }

  /** @throws the system's error */
  async keepOrder(order: KeptOrder): Promise<void> {
    await this.#write(orderFile(order.host), order)
  }

  dropOrder(host: string): void {
    this.#state.remove(orderFile(host))
  }

  /** What is kept in that file. One that is damaged is put aside. */
  #usable<Kept>(name: string, isUsable: (found: Partial<Kept>) => boolean): Kept | undefined {
    const found = this.#read<Kept>(name)
    if (found === undefined || isUsable(found)) return found as Kept | undefined
    this.#state.putAside(name)
    return undefined
  }

  #read<Kept>(name: string): Partial<Kept> | undefined {
    if (!this.#state.holds(name)) return undefined
    const bytes = this.#state.read(name)
    if (bytes === undefined) return undefined
    try {
      return Object(JSON.parse(bytes.toString()))
    } catch {
      this.#state.putAside(name)
      return undefined
    }
  }

  async #write(name: string, content: unknown): Promise<void> {
    await this.#state.writeDurably(name, Buffer.from(`${JSON.stringify(content, undefined, 2)}\n`))
  }
}

const CERTIFICATE = 'acme-certificate-'

function accountFile(directory: string): string {
  return `acme-account-${createHash('sha256').update(directory).digest('hex').slice(0, 12)}${SUFFIX}`
}

function certificateFile(host: string): string {
  return `${CERTIFICATE}${fileName(host)}${SUFFIX}`
}

function orderFile(host: string): string {
  return `acme-order-${fileName(host)}${SUFFIX}`
}

/** `*` and `:` are in no other host. A name of a file has at most 255 bytes, what is around this included. */
function fileName(host: string): string {
  if (host.length > 200) return createHash('sha256').update(host).digest('hex')
  return host.replace('*', '+').replaceAll(':', '+')
}

function isPair({ chain, key }: Partial<KeptCertificate>): boolean {
  try {
    return new X509Certificate(chain!).checkPrivateKey(createPrivateKey(key!))
  } catch {
    return false
  }
}

function isKey(key: string | undefined): boolean {
  try {
    createPrivateKey(key!)
    return true
  } catch {
    return false
  }
}
