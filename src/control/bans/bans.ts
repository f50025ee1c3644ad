import type { BanOperations, Ban as Shown } from '../../admin/bans.ts'
import { notFound, OperationRefused } from '../../admin/operation-refused.ts'
import type { Author } from '../../admin/operations.ts'
import { formatAddressRange, parseAddressRange } from '../../config/address-range.ts'
import { InvalidValue } from '../../config/error.ts'
import type { Log } from '../../observability/log.ts'
import type { AddressRange } from '../../runtime/address-range.ts'
import type { BanChange } from '../../runtime/ban-list.ts'
import { LONGEST_DURATION, MAX_BANS } from '../../runtime/bounds.ts'
import type { EventRing } from '../event-ring.ts'
import type { BansFile } from './bans-file.ts'
import { banOf, type KeptBan, shownBan } from './kept-ban.ts'

/** What bans take effect by. */
export interface BanSurroundings {
  readonly file: BansFile
  readonly log: Log
  readonly events: EventRing
  /** Has all workers refuse other clients; resolves once they do. */
  publish(change: BanChange): Promise<void>
  /** Does something while nothing else is changed, and no other process takes over. */
  between<Result>(act: () => Promise<Result>): Promise<Result>
  /**
   * Resolves if what is kept belongs to this process.
   *
   * @throws OperationRefused
   */
  assertHolds(): Promise<void>
}

/**
 * The addresses that an operator has banned, each for a time: kept in the state directory, so that they outlive the process. A
 * ban ends by itself.
 */
export class Bans implements BanOperations {
  readonly #surroundings: BanSurroundings
  /** By range as it is written. */
  readonly #bans: Map<string, KeptBan>
  #timer: NodeJS.Timeout | undefined

  /** @param kept those that the file has, which workers begin with */
  constructor(kept: readonly KeptBan[], surroundings: BanSurroundings) {
    this.#surroundings = surroundings
    this.#bans = new Map(kept.map((ban) => [addressOf(ban), ban]))
    this.#awaitNextEnd()
  }

  all(): readonly Shown[] {
    return [...this.#bans.values()].sort((one, other) => one.until - other.until).map(shownBan)
  }

  ban(written: string, ms: number, reason: string | undefined, { name: by }: Author): Promise<Shown> {
    const { log, events, between } = this.#surroundings
    const range = rangeOf(written)
    const address = formatAddressRange(range)
    return between(async () => {
      if (this.#bans.size >= MAX_BANS && !this.#bans.has(address))
        throw new OperationRefused('conflict', `${MAX_BANS} bans are in effect; lift one, or ban larger ranges`)
      const since = Date.now()
      const ban: KeptBan = { range, since, until: since + ms, by, ...(reason !== undefined && { reason }) }
      await this.#change({ added: [ban], lifted: [] })
      const until = new Date(ban.until).toISOString()
      const why = reason === undefined || reason === '' ? '' : `: ${reason}`
      const message = `${address} is banned until ${until}, by ${by}${why}`
      log.info(message, { event: 'banned', from: address, by })
      events.add({ type: 'ban', address, better: false, message })
      return shownBan(ban)
    })
  }

  lift(written: string, { name: by }: Author): Promise<Shown> {
    const range = rangeOf(written)
    const address = formatAddressRange(range)
    return this.#surroundings.between(async () => {
      const ban = this.#bans.get(address)
      if (ban === undefined) throw notFound(`${address} is not banned`, address, [...this.#bans.keys()])
      await this.#change({ added: [], lifted: [ban] })
      this.#reportEnd(address, `${address} is no longer banned, by ${by}`, by)
      return shownBan(ban)
    })
  }

  /** Saves other bans, and puts them into effect. */
  async #change({ added, lifted }: { readonly added: readonly KeptBan[]; readonly lifted: readonly KeptBan[] }) {
    const { file, publish, assertHolds } = this.#surroundings
    await assertHolds()
    const changed = new Set([...added, ...lifted].map(addressOf))
    const others = [...this.#bans.values()].filter((ban) => !changed.has(addressOf(ban)))
    try {
      await file.write([...others, ...added])
    } catch (error) {
      const cause = `cannot write ${file.path}: ${(error as Error).message}`
      const hint = 'give a directory that can be written as stateDirectory'
      throw new OperationRefused('not-kept', `the bans would be lost at a restart: ${cause} (${hint})`)
    }
    for (const ban of lifted) this.#bans.delete(addressOf(ban))
    for (const ban of added) this.#bans.set(addressOf(ban), ban)
    await publish({ added: added.map(banOf), lifted: lifted.map(({ range }) => range) })
    this.#awaitNextEnd()
  }

  #awaitNextEnd(): void {
    clearTimeout(this.#timer)
    if (this.#bans.size === 0) return
    const next = Math.min(...Array.from(this.#bans.values(), ({ until }) => until))
    const wait = Math.min(Math.max(0, next - Date.now()), LONGEST_DURATION)
    this.#timer = setTimeout(() => void this.#endDue(), wait).unref()
  }

  /** Ends the bans whose time is over. The file may keep them: there they count for nothing. */
  async #endDue(): Promise<void> {
    const now = Date.now()
    const over = [...this.#bans.values()].filter(({ until }) => until <= now)
    for (const ban of over) this.#bans.delete(addressOf(ban))
    this.#awaitNextEnd()
    await this.#surroundings.publish({ added: [], lifted: over.map(({ range }) => range) })
    for (const ban of over) {
      const address = addressOf(ban)
      this.#reportEnd(address, `${address} is no longer banned: its time is over`)
    }
  }

  #reportEnd(address: string, message: string, by?: string): void {
    const { log, events } = this.#surroundings
    log.info(message, { event: 'ban-ended', from: address, by })
    events.add({ type: 'ban', address, better: true, message })
  }
}

function addressOf({ range }: KeptBan): string {
  return formatAddressRange(range)
}

function rangeOf(written: string): AddressRange {
  try {
    const range = parseAddressRange(written)
    if (range.prefix > 0) return range
  } catch (error) {
    if (!(error instanceof InvalidValue)) throw error
    const hint = error.hint === undefined ? '' : ` (${error.hint})`
    throw new OperationRefused('invalid', `expected ${error.expected}${hint}, found ${JSON.stringify(written)}`)
  }
  throw new OperationRefused('invalid', `${written} would ban everybody; to stop all traffic, pause the upstreams`)
}
