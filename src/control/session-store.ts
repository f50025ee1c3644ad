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

/** How often changes are appended, and those of earlier runs read, in ms: a crash may lose as much. */
const TURN = 50
/** The same while another process serves the same sessions. */
const SHARED_TURN = 3
/** After how many of these to look for files of runs that have begun since. */
const LOOK_EVERY = 10
/** How long to wait after a failed save, in ms. */
const PAUSE = 5000
/** How often appended changes are flushed to the disk, in ms: a power cut may lose as much. */
const SYNC_EVERY = 5000
/** How many records are appended at once: about a millisecond's work. */
const RECORDS_AT_ONCE = 1024
/** An unfinished file that was not written to for this long, in ms, is abandoned. */
const LONGEST_WRITE = 60_000
/** How many earlier runs are followed when it is unknown whether they have ended. */
const MAX_EARLIER_RUNS = 8

/**
 * Keeps the sessions of upstreams with an affinity across a restart, by the names of their servers. Each run of the
 * program has its own file in the state directory, named after its listeners; no other run writes to it. A run reads
 * the files that it finds, and what their owners still append while they finish their exchanges in flight. If both have
 * the same session, its latest state counts. Once the run's own file has everything from another file, and that file's
 * owner has ended, the run removes the other file.
 */
export class SessionStore {
  readonly #sessions: SessionTable
  readonly #directory: StateDirectory
  #servers: KeptServers
  /** The servers in the head of the journal's file; its records hold indices into this list. */
  #serversOfFile: KeptServers
  readonly #prefix: string
  readonly #ids: string
  readonly #journal: SessionJournal
  #earlier: EarlierRun[] = []
  /** Files that have been read completely. They are removed once the journal has saved what was read. */
  #merged: string[] = []
  readonly #memory = Buffer.allocUnsafe(RECORDS_AT_ONCE * RECORD)
  #timer: NodeJS.Timeout | undefined
  #isClosed = false
  #isSharing = false
  #turns = 0
  #syncedAt = 0
  /** Steps run one after the other. */
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
    this.#prefix = prefixOf(listeners)
    this.#ids = createHash('sha256').update(sessions.key).digest('hex').slice(0, 16)
    this.#journal = new SessionJournal(directory, `${this.#prefix}~${Date.now()}-${randomBytes(4).toString('hex')}`)
    this.#turnIn(TURN)
  }

  /** Loads what earlier runs have saved; returns how many live sessions there are, on servers that still exist. */
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
    // Everything will be saved as this run's own in the next turn.
    this.#sessions.saved.forgetNews()
    this.#sessions.saved.giveBackChange()
    const counts = [...this.#sessions.count(this.#servers.slots, now).values()]
    return counts.reduce((sum, { live }) => sum + live, 0)
  }

  /**
   * Saves the sessions of these upstreams from now on. If the list of servers has changed, the file is rewritten, since
   * its records hold indices into the list; until then, appended records refer to the list in the file.
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

  /** Saves the changes so far, and resolves once they would survive a power cut. */
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

  /**
   * From now on reads what runs save that have begun since, too, and saves and reads more often. Resolves once there is a file
   * to append to, since to write a whole one takes the disk a while.
   */
  async beginSharing(): Promise<void> {
    this.#isSharing = true
    this.#sessions.saved.giveBackChange()
    await this.flush()
    this.#turnIn(SHARED_TURN)
  }

  endSharing(): void {
    this.#isSharing = false
  }

  #findRuns(): void {
    if (this.#turns++ % LOOK_EVERY !== 0) return
    const known = new Set([this.#journal.name, ...this.#earlier.map(({ name }) => name), ...this.#merged])
    const found = this.#namesOfEarlier().filter((name) => !known.has(name))
    this.#earlier.push(...found.map((name) => new EarlierRun(this.#directory, name, this.#slotsOf)))
  }

  #enqueue(step: () => Promise<void>): Promise<unknown> {
    this.#work = this.#work.then(step)
    return this.#work
  }

  #turnIn(ms: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      void this.#enqueue(async () => {
        const isSaved = await this.#turn()
        if (!this.#isClosed) this.#turnIn(!isSaved ? PAUSE : this.#isSharing ? SHARED_TURN : TURN)
      })
    }, ms)
    this.#timer.unref()
  }

  /** Returns whether everything has been saved. */
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
    // While the rewrite fails, changes are still appended to the old file.
    if (!this.#journal.isDue) await this.#append()
    return false
  }

  async #rewrite(isComplete: boolean): Promise<boolean> {
    const isWritten = await this.#journal.rewrite(this.#pieces(isComplete))
    if (isWritten) this.#serversOfFile = this.#servers
    return isWritten
  }

  /** Merges what earlier runs have saved since the last turn. */
  async #readEarlier(): Promise<void> {
    if (this.#isSharing) this.#findRuns()
    if (this.#earlier.length === 0) return
    const now = wallSeconds()
    for (const run of this.#earlier) {
      while (run.read((session) => this.#sessions.saved.merge(session, now))) await setImmediate()
    }
    this.#retire()
  }

  /** Moves the runs that are over from `#earlier` to `#merged`. */
  #retire(): void {
    this.#merged.push(...this.#earlier.filter(({ isOver }) => isOver).map(({ name }) => name))
    this.#earlier = this.#earlier.filter(({ isOver }) => !isOver)
  }

  #removeMerged(): void {
    for (const name of this.#merged) this.#directory.remove(name)
    this.#merged = []
  }

  /** The changes since the last call, in batches that fit the memory for records. */
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
   * A whole file, in pieces that share their memory; the event loop runs between them. Changes that come meanwhile are
   * also appended to the old file, so that a crash does not lose them.
   */
  async *#pieces(isComplete: boolean): AsyncGenerator<Uint8Array> {
    yield formatHead(this.#head(isComplete))
    // The changes up to now are in the table, which is written next.
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

  /** The records of these sessions, as far as they are saved, in memory that is reused for the next ones. */
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

  /** The files of earlier runs, the oldest first. */
  #namesOfEarlier(): string[] {
    const names = this.#directory.names().filter((name) => name === this.#prefix || name.startsWith(`${this.#prefix}~`))
    return names.filter((name) => !name.endsWith('.new')).sort()
  }

  /**
   * Removes files of runs that ended in the middle of a rewrite. If a run is in fact still writing one, it tries again.
   */
  #removeUnfinished(): void {
    for (const name of this.#directory.names()) {
      const isOurs = name.startsWith(`${this.#prefix}~`) && name.endsWith('.new')
      if (isOurs && (this.#directory.age(name) ?? 0) > LONGEST_WRITE) this.#directory.remove(name)
    }
  }
}

/** The start of the file names of all runs with these listeners. */
function prefixOf(listeners: readonly Listener[]): string {
  const places = listeners.map(nameOf).join(',')
  if (places.length <= 100) return `sessions-${places}`
  return `sessions-${createHash('sha256').update(places).digest('hex').slice(0, 16)}`
}

function nameOf(listener: Listener): string {
  if ('path' in listener) return encodeURIComponent(listener.path)
  return `${listener.address}-${listener.port}`.replaceAll(':', '.')
}
