import type { Log } from '../../../observability/log.ts'
import type { Solver } from '../challenges/solver.ts'
import { AcmeClient } from '../protocol/acme-client.ts'
import type { AuthoritySettings, ChallengeType } from '../protocol/authority-settings.ts'
import type { PemPair } from '../protocol/certificate-request.ts'
import { Problem, Unreachable } from '../protocol/problem.ts'
import type { WallClock } from '../wall-clock.ts'
import { Account, isOfAccount } from './account.ts'
import type { AcmeStore } from './acme-store.ts'
import { Order, type Wish } from './order.ts'

/** How long an authority is not asked after it could not be reached, in ms; twice as long after each further time. */
const FIRST_PAUSE = 10_000
const LONGEST_PAUSE = 900_000

/** When an authority wants a certificate to be renewed (RFC 9773 §4.2). Times are in ms since 1970. */
export interface RenewalInfo {
  readonly from: number
  readonly until: number
  /** A page that says why. */
  readonly explanation: string | undefined
  /** When to ask again. */
  readonly askAgainAt: number
}

const MINUTE = 60_000
/** The bounds for when to ask again (RFC 9773 §4.3.2), and what holds where the authority does not say it, in ms. */
const SOONEST = MINUTE
const LATEST = 24 * 60 * MINUTE
const USUAL = 6 * 60 * MINUTE

/** One certificate authority: the account with it, and the orders. */
export class Authority {
  readonly settings: AuthoritySettings
  readonly #client: AcmeClient
  readonly #account: Account
  readonly #solver: Solver
  readonly #store: AcmeStore
  readonly #clock: WallClock
  #outages = 0
  /** Why it is not asked at present, and until when. */
  #outage: { readonly message: string; readonly until: number } | undefined

  constructor(settings: AuthoritySettings, solver: Solver, store: AcmeStore, log: Log, clock: WallClock) {
    this.settings = settings
    this.#client = new AcmeClient(settings.directory, settings.ca)
    this.#account = new Account(this.#client, settings, store, log)
    this.#solver = solver
    this.#store = store
    this.#clock = clock
  }

  /**
   * Obtains a certificate, with its chain and a new key.
   *
   * @throws ChallengeFailed, Problem, Unreachable, DnsHookError
   */
  async obtain(wish: Omit<Wish, 'profile'>, challenge: ChallengeType, signal: AbortSignal): Promise<PemPair> {
    const { directory, profile } = this.settings
    return this.#asked(async () => {
      const offered = await this.#client.directory(signal)
      if (profile !== undefined) assertOffered(profile, offered.meta?.profiles)
      const order = async () => {
        await this.#account.ready(signal)
        return new Order(this.#account, offered, this.#solver, this.#store, { ...wish, profile }, signal).run(
          directory,
          challenge,
        )
      }
      try {
        return await order()
      } catch (error) {
        // Once more with the account that is registered in its place.
        if (isOfAccount(error)) return order()
        throw error
      }
    })
  }

  /**
   * When to renew the certificate that is identified so; undefined if the authority does not say.
   *
   * @throws Problem, Unreachable
   */
  async renewalInfo(id: string, signal: AbortSignal): Promise<RenewalInfo | undefined> {
    return this.#asked(async () => {
      const { renewalInfo } = await this.#client.directory(signal)
      if (renewalInfo === undefined) return undefined
      const { content, retryAfter = USUAL } = await this.#client.get(`${renewalInfo}/${id}`, signal)
      const { suggestedWindow, explanationURL } = (content ?? {}) as Record<string, unknown>
      const { start, end } = (suggestedWindow ?? {}) as { start?: string; end?: string }
      const [from, until] = [Date.parse(String(start)), Date.parse(String(end))]
      if (!(until >= from)) throw new Problem('malformed', 'it does not say when to renew')
      return {
        from,
        until,
        explanation: typeof explanationURL === 'string' ? explanationURL : undefined,
        askAgainAt: this.#clock.now() + Math.min(Math.max(retryAfter, SOONEST), LATEST),
      }
    })
  }

  /** While it cannot be reached, it is not asked; each question fails as the last one did. */
  async #asked<Result>(ask: () => Promise<Result>): Promise<Result> {
    const now = this.#clock.now()
    if (this.#outage !== undefined && this.#outage.until > now) {
      throw new Unreachable(this.#outage.message, this.#outage.until - now)
    }
    try {
      const result = await ask()
      this.#outages = 0
      return result
    } catch (error) {
      if (error instanceof Unreachable) this.#pause(error)
      throw error
    }
  }

  #pause({ message, retryAfter = 0 }: Unreachable): void {
    this.#client.forget()
    const pause = Math.min(FIRST_PAUSE * 2 ** this.#outages++, LONGEST_PAUSE)
    this.#outage = { message, until: this.#clock.now() + Math.max(pause, retryAfter) }
  }

  close(): void {
    this.#client.close()
  }
}

function assertOffered(profile: string, profiles: Readonly<Record<string, string>> | undefined): void {
  if (profiles !== undefined && Object.hasOwn(profiles, profile)) return
  const names = Object.keys(profiles ?? {}).join(', ')
  throw new Problem('invalidProfile', `it has no profile ${profile}${names === '' ? '' : `, but ${names}`}`)
}
