import { createHash, randomBytes } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { wallSeconds } from '../runtime/clock.ts'
import { PART, PARTS } from '../runtime/session-table/layout.ts'
import type { SavedSession } from '../runtime/session-table/session-entries.ts'
import type { SessionTable } from '../runtime/session-table.ts'
import type { Listener, Upstream } from '../runtime/snapshot.ts'
import { EarlierRun } from './earlier-run.ts'
import { KeptServers } from './kept-servers.ts'
import { ownIdentity } from './process-identity.ts'
import { formatHead, RECORD, type SessionFileHead, writeRecord } from './session-file.ts'
import { SessionJournal } from './session-journal.ts'
import type { StateDirectory } from './state-directory.ts'

/** How often changes are appended, and those of earlier runs read, in ms: what a crash may lose. */
const TURN = 50
/** How long to wait after a save that failed. */
const PAUSE = 5000
/** How often what was appended is also brought to the disk, in ms: what a power cut may lose. */
const SYNC_EVERY = 5000
/** So many records are appended at once: about a millisecond's work. */
const RECORDS_AT_ONCE = 1024
/** A file that was last written to so long ago, in ms, and is not finished, never will be. */
const LONGEST_WRITE = 60_000
/** Earlier runs of which nobody can tell whether they have ended are read for as long as there are no more of them. */
const MAX_EARLIER_RUNS = 8

/**
 * Keeps the sessions of upstreams with an affinity across a restart, by the names of their servers. Each run of the program
 * has a file of its own in the state directory, named after the places to listen on; no other run writes to it. A run takes
 * in the files that it finds, and what their owners still append for as long as they finish what they have in hand; of
 * a session of both, what happened last counts. Once all of a file is in its own one and its owner has ended, it removes it.
 */
export class SessionStore {
  readonly #sessions: SessionTable
  readonly #directory: StateDirectory
  #servers: KeptServers
  /** Those in the head of the journal's file, into which its records hold indices. */
  #serversOfFile: KeptServers
  readonly #place: string
  readonly #ids: string
  readonly #journal: SessionJournal
  #earlier: EarlierRun[] = []
  /** Files that are no longer needed once the journal has what was read from them. */
  #merged: string[] = []
  readonly #memory = Buffer.allocUnsafe(RECORDS_AT_ONCE * RECORD)
  #timer: NodeJS.Timeout | undefined
  #isClosed = false
  #syncedAt = 0
  /** One step after the other. */
  #work: Promise<unknown> = Promise.resolve()

  constructor(
    sessions: SessionTable,
    directory: StateDirectory,
    upstreams: readonly Upstream[],
    listeners: readonly Listener[],
  ) {
    this.#sessions = sessions
    this.#directory = directory
    this.#servers = this.#serversOfFile = KeptServers.of(upstreams)
    this.#place = placeOf(listeners)
    this.#ids = createHash('sha256').update(sessions.key).digest('hex').slice(0, 16)
    this.#journal = new SessionJournal(directory, `${this.#place}~${Date.now()}-${randomBytes(4).toString('hex')}`)
    this.#turnIn(TURN)
  }

  /** Takes in what earlier runs have saved; returns how many sessions go on, on servers that are still there. */
  load(): number {
    const now = wallSeconds()
    this.#removeUnfinished()
    const runs = this.#namesOfEarlier().map((name) => new EarlierRun(this.#directory, name, this.#slotsOf))
    if (runs.length === 0) return 0
    for (const run of runs) {
      while (run.read((session) => this.#sessions.saved.restore(session, now)));
      if (!run.isReadable) this.#directory.warn(`${run.name} holds no sessions that can be read, and is begun anew`)
    }
    const going = runs.filter(({ isOver }) => !isOver)
    for (const run of going.slice(0, -MAX_EARLIER_RUNS)) run.close()
    this.#earlier = runs
    this.#retire()
    // All of it is written as this run's own at once.
    this.#sessions.saved.forgetNews()
    this.#sessions.saved.giveBackChange()
    const counts = [...this.#sessions.count(this.#servers.slots, now).values()]
    return counts.reduce((sum, { live }) => sum + live, 0)
  }

  /**
   * Keeps the sessions of these upstreams from now on. If the list of servers has changed, the file is rewritten, since its records
   * hold indices into the list; until then, the records that are appended refer to the list that is in the file.
   */
  async apply(upstreams: readonly Upstream[]): Promise<void> {
    await this.#enqueue(async () => {
      this.#servers = KeptServers.of(upstreams)
      this.#serversOfFile = this.#journal.isOpen ? this.#serversOfFile.among(this.#servers) : this.#servers
      for (const run of this.#earlier) run.remap()
      if (!this.#isListWritten) this.#sessions.saved.giveBackChange()
    })
  }

  /** Whether the list of servers in the file is the current one. */
  get #isListWritten(): boolean {
    return this.#serversOfFile.isSame(this.#servers)
  }

  /** Saves what has changed so far, and resolves once it would outlive a power cut. */
  flush(): Promise<unknown> {
    return this.#enqueue(async () => {
      await this.#turn()
      await this.#journal.sync()
    })
  }

  /** Saves for the last time. */
  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    await this.#enqueue(async () => {
      await this.#readEarlier()
      const hasChanged = this.#sessions.saved.takeChange()
      if ((hasChanged || this.#journal.isOpen) && (await this.#rewrite(true))) this.#removeMerged()
      await this.#journal.close()
    })
    for (const run of this.#earlier) run.close()
  }

  #enqueue(step: () => Promise<void>): Promise<unknown> {
    this.#work = this.#work.then(step)
    return this.#work
  }

  #turnIn(ms: number): void {
    this.#timer = setTimeout(() => {
      void this.#enqueue(async () => {
        const isSaved = await this.#turn()
        if (!this.#isClosed) this.#turnIn(isSaved ? TURN : PAUSE)
      })
    }, ms)
    this.#timer.unref()
  }

  /** Returns whether there is nothing that is still to be saved. */
  async #turn(): Promise<boolean> {
    await this.#readEarlier()
    if (this.#sessions.saved.takeChange() && !(await this.#save())) {
      this.#sessions.saved.giveBackChange()
      return false
    }
    this.#removeMerged()
    const now = performance.now()
    if (now - this.#syncedAt >= SYNC_EVERY) {
      this.#syncedAt = now
      // The next turn does not wait for the disk.
      void this.#journal.sync()
    }
    return true
  }

  async #append(): Promise<boolean> {
    for await (const sessions of this.#news()) {
      if (!(await this.#journal.append(this.#records(sessions, this.#serversOfFile)))) return false
    }
    return true
  }

  async #save(): Promise<boolean> {
    if (!this.#journal.isDue && this.#isListWritten && (await this.#append())) return true
    if (await this.#rewrite(false)) return true
    // While that fails, changes still go to the end of the file as it is.
    if (!this.#journal.isDue) await this.#append()
    return false
  }

  async #rewrite(isComplete: boolean): Promise<boolean> {
    const isWritten = await this.#journal.rewrite(this.#pieces(isComplete))
    if (isWritten) this.#serversOfFile = this.#servers
    return isWritten
  }

  /** Takes in what earlier runs have saved since the last turn. */
  async #readEarlier(): Promise<void> {
    if (this.#earlier.length === 0) return
    const now = wallSeconds()
    for (const run of this.#earlier) {
      while (run.read((session) => this.#sessions.saved.merge(session, now))) await setImmediate()
    }
    this.#retire()
  }

  /** Sets apart the runs of which nothing more comes. */
  #retire(): void {
    this.#merged.push(...this.#earlier.filter(({ isOver }) => isOver).map(({ name }) => name))
    this.#earlier = this.#earlier.filter(({ isOver }) => !isOver)
  }

  #removeMerged(): void {
    for (const name of this.#merged) this.#directory.remove(name)
    this.#merged = []
  }

  /** What has changed since this was asked last, so much at once as the memory for records takes. */
  async *#news(): AsyncGenerator<readonly SavedSession[]> {
    const now = wallSeconds()
    let sessions: SavedSession[] = []
    for (let part = 0; part < PARTS; part++) {
      for (const session of this.#sessions.saved.takeNews(part, now)) {
        if (sessions.push(session) < RECORDS_AT_ONCE) continue
        yield sessions
        await setImmediate()
        sessions = []
      }
    }
    if (sessions.length > 0) yield sessions
  }

  /**
   * A whole file, in pieces whose memory serves again for the next one; between them others have their turn. What changes
   * meanwhile goes to the end of the file that there is as well, so that a crash finds it there.
   */
  async *#pieces(isComplete: boolean): AsyncGenerator<Uint8Array> {
    yield formatHead(this.#head(isComplete))
    // What has changed by now will be found in the table.
    for await (const sessions of this.#news()) await this.#appendIfOpen(sessions)
    const piece = Buffer.allocUnsafe(PART * RECORD)
    let newsDue = performance.now() + TURN
    for (let part = 0; part < PARTS; part++) {
      const records = this.#records(this.#sessions.saved.sessions(part, wallSeconds()), this.#servers, piece)
      if (records.length > 0) yield records
      await setImmediate()
      if (performance.now() < newsDue && part + 1 < PARTS) continue
      newsDue = performance.now() + TURN
      for await (const sessions of this.#news()) {
        await this.#appendIfOpen(sessions)
        yield this.#records(sessions, this.#servers)
      }
    }
  }

  async #appendIfOpen(sessions: readonly SavedSession[]): Promise<void> {
    if (this.#journal.isOpen) await this.#journal.append(this.#records(sessions, this.#serversOfFile))
  }

  /** The records of these sessions, as far as they are kept, in memory that serves again for the next ones. */
  #records(sessions: Iterable<SavedSession>, servers: KeptServers, memory = this.#memory): Uint8Array {
    let length = 0
    for (const session of sessions) {
      const place = servers.placeOf(session.server)
      if (place === undefined) continue
      writeRecord(memory, length, session, place)
      length += RECORD
    }
    return memory.subarray(0, length)
  }

  #head(isComplete: boolean): SessionFileHead {
    return { servers: this.#servers.names, ids: this.#ids, writer: ownIdentity(), isComplete }
  }

  readonly #slotsOf = (head: SessionFileHead) => this.#servers.slotsOf(head, this.#ids)

  /** The earliest first. */
  #namesOfEarlier(): string[] {
    const names = this.#directory.names().filter((name) => name === this.#place || name.startsWith(`${this.#place}~`))
    return names.filter((name) => !name.endsWith('.new')).sort()
  }

  /** Removes what runs have left that ended while they wrote a whole file; one that is still at it would try again. */
  #removeUnfinished(): void {
    for (const name of this.#directory.names()) {
      const isOurs = name.startsWith(`${this.#place}~`) && name.endsWith('.new')
      if (isOurs && (this.#directory.age(name) ?? 0) > LONGEST_WRITE) this.#directory.remove(name)
    }
  }
}

/** What the files of all runs with these listeners are named after. */
function placeOf(listeners: readonly Listener[]): string {
  const places = listeners.map(nameOf).join(',')
  if (places.length <= 100) return `sessions-${places}`
  return `sessions-${createHash('sha256').update(places).digest('hex').slice(0, 16)}`
}

function nameOf(listener: Listener): string {
  if ('path' in listener) return encodeURIComponent(listener.path)
  return `${listener.address}-${listener.port}`.replaceAll(':', '.')
}
