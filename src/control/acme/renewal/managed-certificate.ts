import { X509Certificate } from 'node:crypto'
import { type Validity, validityOf } from '../../../certificates/certificate-facts.ts'
import type { Log } from '../../../observability/log.ts'
import type { Certificate } from '../../../runtime/tls-settings.ts'
import type { CertificateNote } from '../../tls/certificate-source.ts'
import { ChallengeChoice } from '../challenges/challenge-choice.ts'
import type { Reachability } from '../challenges/reachability.ts'
import type { AcmeStore, KeptCertificate } from '../orders/acme-store.ts'
import type { Authority } from '../orders/authority.ts'
import { diagnosis, inWords } from '../orders/diagnosis.ts'
import { ChallengeFailed } from '../orders/order.ts'
import type { AuthoritySettings, ChallengeType, KeyType } from '../protocol/authority-settings.ts'
import type { PemPair } from '../protocol/certificate-request.ts'
import type { WallClock } from '../wall-clock.ts'
import type { Turns } from './turns.ts'
import { renewalIdOf, renewalTime } from './validity.ts'
import { waitAfter } from './wait-after.ts'

/** How often to look for what another process has obtained, in ms. */
const OTHER_PROCESS = 10_000
/** A question that failed is asked again as late as after so many failed orders. */
const ASKED_LATER = 10
/** A certificate that has no more of its life left than this part is an error if it cannot be renewed. */
const URGENT = 1 / 6

/** How certificates are obtained: the same for all of them. */
export interface Ordering {
  /** In the order in which they are asked. */
  readonly authorities: readonly Authority[]
  readonly keyType: KeyType
  /** In order of preference. */
  readonly challenges: readonly ChallengeType[]
  readonly store: AcmeStore
  readonly reachability: Reachability
  readonly turns: Turns
  readonly clock: WallClock
  readonly log: Log
  /** Whether this process may order: others may use the same state directory. */
  mayOrder(): Promise<boolean>
}

export interface ManagedCertificateOwner {
  /** It has another certificate. */
  changed(managed: ManagedCertificate): void
  /** What has become of an order, as in the log. */
  report(managed: ManagedCertificate, isBetter: boolean, message: string): void
  /** Whether a host that is not in the configuration may have a certificate still. */
  isAllowed(host: string): Promise<boolean>
  /** It may not, and is not wanted any more. */
  dropped(managed: ManagedCertificate): void
}

/** The certificate of one host: obtained, kept, and renewed in time. */
export class ManagedCertificate {
  readonly host: string
  readonly isOnDemand: boolean
  readonly #ordering: Ordering
  readonly #owner: ManagedCertificateOwner
  readonly #closing = new AbortController()
  #kept: KeptCertificate | undefined
  #certificate: Certificate | undefined
  #validity: Validity | undefined
  #renewsAt = 0
  /** When to ask the authority when to renew. */
  #asksAt = Infinity
  #failures = 0
  /** Not before that, in ms since 1970. */
  #retriesAt = 0
  #lastError: string | undefined
  readonly #challenges: ChallengeChoice
  #isActing = false
  #cancel: () => void = () => {}

  constructor(host: string, isOnDemand: boolean, ordering: Ordering, owner: ManagedCertificateOwner) {
    this.host = host
    this.isOnDemand = isOnDemand
    this.#ordering = ordering
    this.#owner = owner
    this.#challenges = new ChallengeChoice(host, ordering.challenges)
    const kept = ordering.store.certificate(host)
    if (kept !== undefined) this.#take(kept)
  }

  /** Undefined if there is none yet. */
  get certificate(): Certificate | undefined {
    return this.#certificate
  }

  /** When it is renewed, or tried again to obtain it, in ms since 1970; and why the last order failed. */
  get note(): CertificateNote {
    return { renewsAt: this.#dueAt, ...(this.#lastError !== undefined && { lastError: this.#lastError }) }
  }

  get #dueAt(): number {
    return Math.max(this.#renewsAt, this.#retriesAt)
  }

  /** Begins to see to it that there is a certificate. */
  begin(): void {
    this.#plan()
  }

  /** Takes over what another process has obtained. */
  refresh(): void {
    const kept = this.#ordering.store.certificate(this.host)
    if (kept === undefined || kept.chain === this.#kept?.chain) return
    this.#take(kept)
    this.#owner.changed(this)
    this.#plan()
  }

  /** Another process ordered until now. */
  retry(): void {
    this.#retriesAt = 0
    this.#plan()
  }

  /** Orders nothing more. An order that has begun can be continued by another process. */
  close(): void {
    this.#closing.abort()
    this.#cancel()
  }

  #take(kept: KeptCertificate): void {
    const { host, chain, key, keyType, challenge } = kept
    this.#kept = kept
    this.#challenges.worked(challenge)
    this.#certificate = { name: host, hosts: [host], chain, key, keyType }
    this.#validity = validityOf(new X509Certificate(chain))
    const now = this.#ordering.clock.now()
    // One of another authority, or of another kind, serves until there is one as it is wanted.
    const isWanted = this.#issuerOf(kept) !== undefined && keyType === this.#ordering.keyType
    this.#renewsAt = isWanted ? renewalTime(this.#validity) : now
    this.#asksAt = isWanted ? now : Infinity
    this.#failures = this.#retriesAt = 0
    this.#lastError = undefined
  }

  #issuerOf({ directory, profile }: KeptCertificate): Authority | undefined {
    return this.#ordering.authorities.find(
      ({ settings }) => settings.directory === directory && settings.profile === profile,
    )
  }

  #plan(): void {
    this.#cancel()
    if (this.#closing.signal.aborted || this.#isActing) return
    const { clock } = this.#ordering
    const next = Math.min(this.#dueAt, this.#asksAt)
    this.#cancel = clock.at(next, () => void this.#act())
  }

  async #act(): Promise<void> {
    const { clock, turns } = this.#ordering
    this.#isActing = true
    try {
      if (clock.now() >= this.#dueAt) await turns.take(() => this.#renew())
      else await this.#askWhenToRenew()
    } catch (error) {
      // Nothing is left to do where it was closed. Anything else is a fault of ours, and no reason to end the program.
      if (this.#closing.signal.aborted) return
      await this.#failed([[this.#ordering.authorities[0]!.settings, error]])
    } finally {
      this.#isActing = false
    }
    this.#plan()
  }

  async #askWhenToRenew(): Promise<void> {
    const { clock, log } = this.#ordering
    this.#asksAt = Infinity
    const id = renewalIdOf(this.#kept!.chain)
    const authority = this.#issuerOf(this.#kept!)
    if (id === undefined || authority === undefined) return
    try {
      const info = await authority.renewalInfo(id, this.#closing.signal)
      if (info === undefined) return
      this.#asksAt = info.askAgainAt
      const isUnchanged = this.#renewsAt >= info.from && this.#renewsAt <= info.until
      if (isUnchanged) return
      this.#renewsAt = info.from + Math.random() * (info.until - info.from)
      const why = info.explanation === undefined ? '' : ` (${info.explanation})`
      const { name } = authority.settings
      if (this.#renewsAt <= clock.now()) {
        log.info(`acme: ${name} wants the certificate of ${this.host} to be renewed now${why}`, {
          event: 'certificate-renewal-asked',
          host: this.host,
          authority: name,
        })
      }
    } catch (error) {
      this.#closing.signal.throwIfAborted()
      // The time that is known stays.
      this.#asksAt = clock.now() + waitAfter(error, ASKED_LATER)
    }
  }

  async #renew(): Promise<void> {
    const { authorities, clock, mayOrder } = this.#ordering
    this.#closing.signal.throwIfAborted()
    // Another process may have renewed it.
    const before = this.#kept
    this.refresh()
    if (this.#kept !== before && this.#dueAt > clock.now()) return
    if (!(await mayOrder())) {
      this.#retriesAt = clock.now() + OTHER_PROCESS
      return
    }
    if (this.isOnDemand && !(await this.#owner.isAllowed(this.host))) return this.#owner.dropped(this)
    const failures: [AuthoritySettings, unknown][] = []
    for (const authority of authorities) {
      try {
        return await this.#obtainFrom(authority)
      } catch (error) {
        this.#closing.signal.throwIfAborted()
        failures.push([authority.settings, error])
      }
    }
    await this.#failed(failures)
  }

  /** Tries the kinds of challenges in turn: all of them at first, only one of them once that has failed. */
  async #obtainFrom(authority: Authority): Promise<void> {
    const { keyType } = this.#ordering
    const isRenewal = this.#kept?.directory === authority.settings.directory
    const replaces = isRenewal ? renewalIdOf(this.#kept!.chain) : undefined
    const wish = { host: this.host, keyType, replaces }
    for (let tries = this.#failures === 0 ? this.#challenges.size : 1; ; tries--) {
      const challenge = this.#challenges.next
      try {
        const pair = await authority.obtain(wish, challenge, this.#closing.signal)
        return await this.#obtained(authority, challenge, pair)
      } catch (error) {
        if (!(error instanceof ChallengeFailed)) throw error
        this.#challenges.failed(challenge)
        if (tries <= 1) throw error
      }
    }
  }

  async #obtained({ settings }: Authority, challenge: ChallengeType, { chain, key }: PemPair): Promise<void> {
    const { store, keyType, log } = this.#ordering
    const { directory, profile, name } = settings
    const isRenewal = this.#kept !== undefined
    const kept: KeptCertificate = {
      host: this.host,
      directory,
      ...(profile !== undefined && { profile }),
      keyType,
      challenge,
      isOnDemand: this.isOnDemand,
      chain,
      key,
    }
    this.#take(kept)
    // It serves even if it cannot be kept.
    await store.keepCertificate(kept).catch(({ message: cause }) => {
      log.warn(`acme: the certificate of ${this.host} is lost at a restart: ${cause}; set stateDirectory`, {
        event: 'certificate-not-kept',
        host: this.host,
        cause,
      })
    })
    const until = inWords(this.#validity!.until)
    const verb = isRenewal ? 'renewed' : 'obtained'
    const message = `acme: ${verb} the certificate of ${this.host} from ${name} by ${challenge}, valid until ${until}`
    log.info(message, { event: 'certificate-obtained', host: this.host, authority: name })
    this.#owner.changed(this)
    this.#owner.report(this, true, message)
  }

  async #failed(failures: readonly (readonly [AuthoritySettings, unknown])[]): Promise<void> {
    const { clock, log, reachability } = this.#ordering
    const reasons: string[] = []
    let wait = Infinity
    for (const [settings, error] of failures) {
      reasons.push(await diagnosis(error, this.host, settings, reachability))
      wait = Math.min(wait, waitAfter(error, this.#failures))
    }
    this.#closing.signal.throwIfAborted()
    this.#failures++
    this.#retriesAt = clock.now() + wait
    this.#lastError = reasons.join('; ')
    const next = `next attempt at ${inWords(this.#retriesAt)}`
    const message = `acme: ${this.#lack}: ${this.#lastError}; ${next}`
    const fields = { host: this.host, cause: this.#lastError, ms: wait }
    if (this.#isUrgent) log.error(message, { event: 'certificate-not-renewed', ...fields })
    else log.warn(message, { event: 'certificate-not-obtained', ...fields })
    this.#owner.report(this, false, message)
  }

  get #lack(): string {
    if (this.#validity === undefined) return `no certificate for ${this.host} yet`
    const { until } = this.#validity
    const state = until > this.#ordering.clock.now() ? 'is valid until' : 'has expired at'
    return `the certificate of ${this.host} could not be renewed, and ${state} ${inWords(until)}`
  }

  get #isUrgent(): boolean {
    if (this.#validity === undefined) return false
    const { from, until } = this.#validity
    return until - this.#ordering.clock.now() < (until - from) * URGENT
  }
}
