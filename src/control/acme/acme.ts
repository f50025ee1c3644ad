import { isDeepStrictEqual } from 'node:util'
import type { Log } from '../../observability/log.ts'
import type { ChallengeAnswers } from '../../runtime/challenge-answers.ts'
import type { Certificate } from '../../runtime/tls-settings.ts'
import { InstanceLock } from '../state/instance-lock.ts'
import type { StateDirectory } from '../state/state-directory.ts'
import type { CertificateNote } from '../tls/certificate-source.ts'
import { Challenges } from './challenges/challenges.ts'
import { DnsHook, type DnsSettings } from './challenges/dns-hook.ts'
import { Reachability } from './challenges/reachability.ts'
import { Solver } from './challenges/solver.ts'
import { MOST_ON_DEMAND, OnDemand } from './on-demand.ts'
import { AcmeStore } from './orders/acme-store.ts'
import { Authority } from './orders/authority.ts'
import type { AuthoritySettings, ChallengeType, KeyType } from './protocol/authority-settings.ts'
import { type PemPair, provisionalCertificate } from './protocol/certificate-request.ts'
import { ManagedCertificate, type ManagedCertificateOwner, type Ordering } from './renewal/managed-certificate.ts'
import { Turns } from './renewal/turns.ts'
import { type WallClock, wallClock } from './wall-clock.ts'

/** How many orders run at the same time: of the configuration's hosts, and of others. */
const ORDERS = 4
const ORDERS_ON_DEMAND = 2
/** How long clients wait for an order at most, in ms. */
const DEMANDED_FOR = 60_000
/** The lock of those who order by a state directory. No instance can have that name. */
const LOCK = '+acme'

/** How certificates are to be obtained. */
export interface AcmeSettings {
  /** In the order in which they are asked. */
  readonly authorities: readonly AuthoritySettings[]
  readonly keyType: KeyType
  /** In order of preference. */
  readonly challenges: readonly ChallengeType[]
  /** Absent: nothing is set in the DNS. */
  readonly dns?: DnsSettings
  /** Absent: only the configuration's hosts get certificates. */
  readonly onDemand?: { readonly ask: string }
}

/** What ACME needs of the rest of the program. */
export interface AcmeSurroundings {
  readonly state: StateDirectory
  readonly log: Log
  /** Has all workers give these answers, and resolves once they do. */
  publish(answers: ChallengeAnswers): Promise<void>
  /** The certificates are others. */
  changed(): void
  /** A certificate was obtained, or could not be. */
  report(host: string, isBetter: boolean, message: string): void
  /** What workers answer already, for a process that this one replaces. */
  readonly answers?: ChallengeAnswers | undefined
  readonly clock?: WallClock
}

/** Obtains the certificates of all hosts by ACME (RFC 8555), and renews them. */
export class Acme implements ManagedCertificateOwner {
  readonly #surroundings: AcmeSurroundings
  readonly #clock: WallClock
  readonly #store: AcmeStore
  readonly #lock: InstanceLock
  readonly #challenges: Challenges
  readonly #reachability: Reachability
  readonly #turns = new Turns(ORDERS)
  readonly #turnsOnDemand = new Turns(ORDERS_ON_DEMAND)
  readonly #provisional: PemPair
  /** By host. */
  readonly #managed = new Map<string, ManagedCertificate>()
  readonly #provisionals = new Map<string, Certificate>()
  /** By host, what clients wait for. */
  readonly #outcomes = new Map<string, PromiseWithResolvers<boolean>>()
  #settings: AcmeSettings | undefined
  #authorities: readonly Authority[] = []
  #onDemand: OnDemand | undefined
  #certificates: readonly Certificate[] = []
  /** Once certificates are ordered: resolves when it is known whether another process does that. */
  #lockTried: Promise<void> | undefined
  #isLockless = false
  #isClosed = false

  private constructor(surroundings: AcmeSurroundings, provisional: PemPair) {
    const { state, clock = wallClock, publish, answers } = surroundings
    this.#surroundings = surroundings
    this.#clock = clock
    this.#store = new AcmeStore(state)
    this.#lock = new InstanceLock(LOCK, state.path)
    this.#challenges = new Challenges((next) => publish(next), answers)
    this.#reachability = new Reachability(this.#challenges)
    this.#provisional = provisional
  }

  /** Nothing is ordered before `begin`. */
  static async create(surroundings: AcmeSurroundings): Promise<Acme> {
    return new Acme(surroundings, await provisionalCertificate())
  }

  /** One for each host, in the order of the hosts; provisional ones until they are obtained. */
  get certificates(): readonly Certificate[] {
    return this.#certificates
  }

  get answers(): ChallengeAnswers {
    return this.#challenges.answers
  }

  note(host: string): CertificateNote | undefined {
    return this.#managed.get(host)?.note
  }

  /** Obtains certificates in this way from now on, for these hosts. */
  apply(settings: AcmeSettings, hosts: readonly string[]): void {
    const isOther = !isDeepStrictEqual(settings, this.#settings)
    if (isOther) this.#setUp(settings)
    const wanted = new Set(hosts)
    const onDemand = this.#onDemand === undefined ? [] : this.#knownOnDemand(isOther)
    for (const host of onDemand) wanted.add(host)
    for (const [host, managed] of this.#managed) {
      if (wanted.has(host) && managed.isOnDemand === !hosts.includes(host)) continue
      managed.close()
      this.#managed.delete(host)
    }
    // The order of the configuration decides which certificate is the default.
    const before = new Map(this.#managed)
    this.#managed.clear()
    const begun: ManagedCertificate[] = []
    for (const host of wanted) {
      const managed = before.get(host) ?? this.#manage(host, !hosts.includes(host))
      this.#managed.set(host, managed)
      if (!before.has(host)) begun.push(managed)
    }
    this.#collect()
    this.#warnOfProvisional(begun)
    if (this.#lockTried !== undefined) for (const managed of begun) managed.begin()
  }

  /** From now on certificates are ordered: workers answer challenges. */
  begin(): void {
    if (this.#lockTried !== undefined) return
    this.#lockTried = this.#takeLock()
    for (const managed of this.#managed.values()) managed.begin()
  }

  /**
   * A client asks for that host by TLS, and there is no certificate. Resolves to whether there is one, once that is known.
   */
  async demand(host: string): Promise<boolean> {
    const hasRoom = this.#managed.has(host) || this.#onDemand?.hasRoom(this.#managed.size, host) === true
    if (this.#isClosed || !hasRoom || !(await this.isAllowed(host))) return false
    let managed = this.#managed.get(host)
    if (managed === undefined) {
      managed = this.#manage(host, true)
      this.#managed.set(host, managed)
      managed.begin()
    }
    if (managed.certificate !== undefined) return true
    return managed.note.lastError === undefined && this.#outcomeOf(host)
  }

  /** Whether the order for that host is successful, which is known at the latest after a while. */
  #outcomeOf(host: string): Promise<boolean> {
    const known = this.#outcomes.get(host)
    if (known !== undefined) return known.promise
    const outcome = Promise.withResolvers<boolean>()
    this.#outcomes.set(host, outcome)
    setTimeout(() => this.#decide(host, false), DEMANDED_FOR).unref()
    return outcome.promise
  }

  #decide(host: string, isObtained: boolean): void {
    this.#outcomes.get(host)?.resolve(isObtained)
    this.#outcomes.delete(host)
  }

  /** Orders nothing more: another process goes on with what has begun. */
  close(): void {
    this.#isClosed = true
    for (const managed of this.#managed.values()) managed.close()
    for (const authority of this.#authorities) authority.close()
    this.#lock.release()
  }

  async isAllowed(host: string): Promise<boolean> {
    return (await this.#onDemand?.isAllowed(host)) === true
  }

  changed({ host }: ManagedCertificate): void {
    this.#collect()
    this.#surroundings.changed()
    this.#decide(host, true)
  }

  report({ host }: ManagedCertificate, isBetter: boolean, message: string): void {
    this.#decide(host, isBetter)
    this.#surroundings.report(host, isBetter, message)
  }

  dropped(managed: ManagedCertificate): void {
    managed.close()
    this.#managed.delete(managed.host)
    this.#store.dropCertificate(managed.host)
    this.#collect()
    this.#surroundings.changed()
    this.#decide(managed.host, false)
  }

  #setUp(settings: AcmeSettings): void {
    const { log } = this.#surroundings
    for (const managed of this.#managed.values()) managed.close()
    this.#managed.clear()
    for (const authority of this.#authorities) authority.close()
    const { dns, onDemand } = settings
    const solver = new Solver(this.#challenges, dns && new DnsHook(dns), log)
    this.#settings = settings
    this.#authorities = settings.authorities.map((each) => new Authority(each, solver, this.#store, log, this.#clock))
    this.#onDemand = onDemand && new OnDemand(onDemand.ask, this.#clock, (...warning) => log.warn(...warning))
  }

  /** The hosts with certificates that were obtained on demand. */
  #knownOnDemand(isFirst: boolean): string[] {
    if (isFirst) return this.#store.hostsOnDemand().slice(0, MOST_ON_DEMAND)
    return [...this.#managed.values()].filter(({ isOnDemand }) => isOnDemand).map(({ host }) => host)
  }

  #manage(host: string, isOnDemand: boolean): ManagedCertificate {
    const { keyType, challenges } = this.#settings!
    const ordering: Ordering = {
      authorities: this.#authorities,
      keyType,
      challenges,
      store: this.#store,
      reachability: this.#reachability,
      turns: isOnDemand ? this.#turnsOnDemand : this.#turns,
      clock: this.#clock,
      log: this.#surroundings.log,
      mayOrder: () => this.#mayOrder(),
    }
    return new ManagedCertificate(host, isOnDemand, ordering, this)
  }

  /** Resolves to whether this process may order now: of those that use the same state directory, one does. */
  async #mayOrder(): Promise<boolean> {
    await this.#lockTried
    return !this.#isClosed && (this.#lock.isHeld || this.#isLockless)
  }

  async #takeLock(): Promise<void> {
    if (await this.#lock.take()) return
    // Where no lock can be made, nothing can be kept either, which an order tells.
    this.#isLockless = (await this.#lock.another()) === undefined
    if (!this.#isLockless) void this.#waitForLock()
  }

  async #waitForLock(): Promise<void> {
    if (!(await this.#lock.whenHeld())) return
    for (const each of this.#managed.values()) each.retry()
  }

  #collect(): void {
    this.#certificates = [...this.#managed.values()].flatMap(({ host, certificate, isOnDemand }) => {
      if (certificate !== undefined) this.#provisionals.delete(host)
      // A host of which the configuration says nothing is not known before there is a certificate.
      return certificate ?? (isOnDemand ? [] : this.#provisionalFor(host))
    })
  }

  #provisionalFor(host: string): Certificate {
    const known = this.#provisionals.get(host)
    if (known !== undefined) return known
    const made: Certificate = { name: host, hosts: [host], ...this.#provisional, keyType: 'ecdsa' }
    this.#provisionals.set(host, made)
    return made
  }

  #warnOfProvisional(begun: readonly ManagedCertificate[]): void {
    const hosts = begun.filter(({ certificate, isOnDemand }) => certificate === undefined && !isOnDemand)
    if (hosts.length === 0) return
    const names = hosts.slice(0, 5).map(({ host }) => host)
    const more = hosts.length > names.length ? ` and ${hosts.length - names.length} more` : ''
    const what = 'clients get one that Limpet has signed itself, which they do not trust'
    this.#surroundings.log.warn(`acme: no certificate yet for ${names.join(', ')}${more}; until there is, ${what}`, {
      event: 'certificate-missing',
      hosts: names,
      count: hosts.length,
    })
  }
}
