import { STRIDE } from './layout.ts'
import type { SessionBuckets } from './session-buckets.ts'
import type { SavedSession, SessionEntries } from './session-entries.ts'
import type { SessionNews } from './session-news.ts'

/** A session table as the store sees it, which saves its sessions and takes in those that were saved. */
export class SavedSessions {
  readonly #entries: SessionEntries
  readonly #buckets: SessionBuckets
  readonly #news: SessionNews

  constructor(entries: SessionEntries, buckets: SessionBuckets, news: SessionNews) {
    this.#entries = entries
    this.#buckets = buckets
    this.#news = news
  }

  /** The sessions of one part of the table that are to be saved: those that are live, and those that were removed lately. */
  *sessions(part: number, now: number): Iterable<SavedSession> {
    const [from, to] = this.#entries.range(part)
    for (let at = from; at < to; at += STRIDE) {
      if (!this.#entries.isFree(at) && this.#entries.isRemembered(at, now)) yield this.#entries.saved(at, now)
    }
  }

  /**
   * The sessions of one part of the table that have begun, moved or been removed since this was last asked, and those that
   * were seen again after a while.
   */
  *takeNews(part: number, now: number): Iterable<SavedSession> {
    for (const at of this.#news.take(part)) {
      if (!this.#entries.isFree(at)) yield this.#entries.saved(at, now)
    }
  }

  /** Nothing in the table is news. */
  forgetNews(): void {
    this.#news.forget()
  }

  /** Whether anything has changed since this was last asked. */
  takeChange(): boolean {
    return this.#news.takeChange()
  }

  /** The change that was taken could not be saved: it is there to be taken again. */
  giveBackChange(): void {
    this.#news.noteChange()
  }

  /**
   * Takes in a session that an earlier run saved, unless it is over by now or something newer is known of it; of the same
   * second, the session that is restored last counts. Returns whether it goes on.
   */
  restore(saved: SavedSession, now: number): boolean {
    return this.#adopt(saved, now, true) >= 0 && saved.isRemoved !== true
  }

  /**
   * Takes in a session that another process has just saved, in the same way; of the same second, only a removal counts.
   * What is new is news here, too.
   */
  merge(saved: SavedSession, now: number): void {
    const at = this.#adopt(saved, now, false)
    if (at < 0) return
    this.#news.noteChange()
    this.#news.mark(at)
  }

  /** Returns the session's entry; -1 if nothing is new in what was saved, or there is no room. */
  #adopt(saved: SavedSession, now: number, winsTie: boolean): number {
    const { high, low, server, askedAt = saved.seenAt } = saved
    // A clock may have run ahead once.
    const seenAt = Math.min(saved.seenAt, now)
    const timely = { ...saved, seenAt, askedAt: Math.min(askedAt, seenAt) }
    if ((high === 0 && low === 0) || this.#entries.isOver(server, seenAt, now)) return -1
    const bucket = this.#buckets.of(high, low)
    this.#buckets.lock(bucket)
    const known = this.#buckets.findIn(bucket, high, low)
    let at = known >= 0 ? known : this.#buckets.vacate(bucket, now)
    if (known >= 0 && !this.#entries.update(known, timely, now, winsTie)) at = -1
    else if (known < 0 && at >= 0) {
      this.#entries.write(at, timely)
      this.#entries.give(at, high, low, 0)
    }
    this.#buckets.unlock(bucket)
    return at
  }
}
