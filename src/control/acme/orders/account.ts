import type { Log } from '../../../observability/log.ts'
import { AccountKey } from '../protocol/account-key.ts'
import type { AcmeClient, Resource } from '../protocol/acme-client.ts'
import type { AuthoritySettings } from '../protocol/authority-settings.ts'
import { Problem } from '../protocol/problem.ts'
import type { AcmeStore, KeptAccount } from './acme-store.ts'

/** The account with an authority: found in the state directory, or registered. Everything is asked in its name. */
export class Account {
  readonly #client: AcmeClient
  readonly #settings: AuthoritySettings
  readonly #store: AcmeStore
  readonly #log: Log
  #kept: KeptAccount | undefined
  #key: AccountKey | undefined
  #isReady: Promise<void> | undefined

  constructor(client: AcmeClient, settings: AuthoritySettings, store: AcmeStore, log: Log) {
    this.#client = client
    this.#settings = settings
    this.#store = store
    this.#log = log
  }

  /** What answers a challenge with that token. The account exists. */
  authorization(token: string): Promise<string> {
    return this.#key!.authorization(token)
  }

  /**
   * Asks the authority in the account's name. Registers it first if there is none, or if the authority does not accept it any more.
   *
   * @param payload undefined to read what is at that URL
   * @throws Unreachable, Problem
   */
  async post(url: string, payload: unknown, signal: AbortSignal): Promise<Resource<unknown>> {
    await this.ready(signal)
    const { url: account } = this.#kept!
    try {
      return await this.#client.post(url, payload, this.#key!, account, signal)
    } catch (error) {
      if (isOfAccount(error)) this.#lose(account!, error)
      throw error
    }
  }

  /** Resolves once the authority knows the account. */
  async ready(signal: AbortSignal): Promise<void> {
    this.#isReady ??= this.#prepare(signal)
    try {
      await this.#isReady
    } catch (error) {
      this.#isReady = undefined
      throw error
    }
  }

  async #prepare(signal: AbortSignal): Promise<void> {
    const { directory, email, externalAccount } = this.#settings
    const kept = this.#read()
    if (kept?.url !== undefined && kept.externalId === externalAccount?.kid) {
      if (kept.email !== email) await this.#changeEmail(kept, signal)
      return
    }
    const { newAccount, meta } = await this.#client.directory(signal)
    if (meta?.externalAccountRequired === true && externalAccount === undefined) {
      throw new Problem('externalAccountRequired', 'it only accepts accounts of its customers: set externalAccount')
    }
    // Kept before it is used: an account whose key is lost could not be used again.
    await this.#keep({ directory, key: this.#key!.pem })
    const binding = externalAccount && (await this.#key!.bind(newAccount, externalAccount.kid, externalAccount.key))
    const registration = {
      termsOfServiceAgreed: true,
      contact: contactOf(email),
      ...(binding !== undefined && { externalAccountBinding: binding }),
    }
    const { location } = await this.#client.post(newAccount, registration, this.#key!, undefined, signal)
    if (location === undefined) throw new Problem('malformed', 'it does not say where the new account is')
    await this.#keep({
      directory,
      key: this.#key!.pem,
      url: location,
      ...(email !== undefined && { email }),
      ...(externalAccount !== undefined && { externalId: externalAccount.kid }),
    })
    const terms = meta?.termsOfService === undefined ? '' : `; its terms of service: ${meta.termsOfService}`
    const { name } = this.#settings
    this.#log.info(`acme: registered an account with ${name}${terms}`, {
      event: 'acme-account-registered',
      authority: name,
    })
  }

  /** The account of the state directory; else a new key. */
  #read(): KeptAccount | undefined {
    const kept = this.#store.account(this.#settings.directory)
    try {
      this.#key = kept === undefined ? AccountKey.generate() : AccountKey.fromPem(kept.key)
      this.#kept = kept
    } catch {
      const { name } = this.#settings
      this.#log.warn(`acme: the kept account with ${name} has no usable key; a new one is registered`, {
        event: 'acme-account-replaced',
        authority: name,
        cause: 'it has no usable key',
      })
      this.#key = AccountKey.generate()
      this.#kept = undefined
    }
    return this.#kept
  }

  async #changeEmail(kept: KeptAccount, signal: AbortSignal): Promise<void> {
    const { email } = this.#settings
    try {
      await this.#client.post(kept.url!, { contact: contactOf(email) }, this.#key!, kept.url, signal)
    } catch (error) {
      if (isOfAccount(error)) this.#lose(kept.url!, error)
      throw error
    }
    const { email: _, ...rest } = kept
    await this.#keep({ ...rest, ...(email !== undefined && { email }) })
  }

  async #keep(account: KeptAccount): Promise<void> {
    this.#kept = account
    await this.#store.keepAccount(account)
  }

  /** The authority does not accept it any more: the next request registers another. */
  #lose(account: string, { message: cause }: Error): void {
    // Requests that were in flight at the same time fail for the same reason.
    if (this.#kept?.url !== account) return
    const { name } = this.#settings
    this.#log.warn(`acme: ${name} does not accept the account any more (${cause}); another is registered`, {
      event: 'acme-account-replaced',
      authority: name,
      cause,
    })
    this.#store.dropAccount(this.#settings.directory)
    this.#isReady = undefined
  }
}

/** Whether it was refused because of the account: it is unknown, or was deactivated or revoked (RFC 8555 §7.3.6). */
export function isOfAccount(error: unknown): error is Problem {
  if (!(error instanceof Problem)) return false
  return (
    error.type === 'accountDoesNotExist' || (error.type === 'unauthorized' && /deactivat|revok/i.test(error.message))
  )
}

function contactOf(email: string | undefined): string[] {
  return email === undefined ? [] : [`mailto:${email}`]
}
