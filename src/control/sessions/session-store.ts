import { createHash } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { wallSeconds } from '../../runtime/clock.ts'
import { PART, PARTS } from '../../runtime/session-table/layout.ts'
import type { SavedSession } from '../../runtime/session-table/session-entries.ts'
import type { SessionTable } from '../../runtime/session-table.ts'
import type { ListeningPlace, Upstream } from '../../runtime/snapshot.ts'
import { ownIdentity } from '../state/process-identity.ts'
import type { StateDirectory } from '../state/state-directory.ts'
import { KeptServers } from './kept-servers.ts'
import { OtherRun } from './other-run.ts'
import { formatHead, RECORD, type SessionFileHead, writeRecord } from './session-file.ts'
import { SessionFileNames } from './session-file-names.ts'
import { SessionJournal } from './session-journal.ts'

/** How often changes are appended, and those of other runs read, in ms: a crash may lose as much. */
const TURN = 50
/** The same while two runs serve the same clients, so that each knows at once what the other has seen. */
const TURN_IN_STEP = 5
/** How long to wait after a failed save, in ms. */
const PAUSE = 5000
/** How often appended changes are flushed to the disk, in ms: a power cut may lose as much. */
const SYNC_EVERY = 5000
/** How many records are appended at once: about a millisecond's work. */
const RECORDS_AT_ONCE = 1024
/** An unfinished file that was not written to for this long, in ms, is abandoned. */
const LONGEST_WRITE = 60_000
/** How many other runs are followed when it is unknown whether they have ended. */
const MAX_OTHER_RUNS = 8

/**
 * Keeps the sessions of upstreams with an affinity across a restart, by the names of their servers. Each run of the
 * program has its own file in the state directory, named after the instance; no other run writes to it. A run reads
 * the files that it finds, and what their owners still append while they finish their exchanges in flight. If both have
 * the same session, its latest state counts. Once the run's own file has everything from an earlier file, and that
 * file's owner has ended, the run removes the earlier file. It never removes a later one: two runs that end together
 * would remove each other's.
 */
export class SessionStore {
  readonly #sessions: SessionTable
  readonly #directory: StateDirectory
  #servers: KeptServers
  /** The servers in the head of the journal's file; its records hold indices into this list. */
  #serversOfFile: KeptServers
  readonly #files: SessionFileNames
  readonly #ids: string
  readonly #journal: SessionJournal
  /** The runs that are followed. */
  #others: OtherRun[] = []
  /** The files of those, and of all that have been read completely. */
  readonly #read = new Set<string>()
  /** Earlier files that have been read completely. They are removed once the journal has saved what was read. */
  #merged: string[] = []
  /** Whether runs that begin from now on are followed, too. */
  #isInStep = false
  readonly #memory = Buffer.allocUnsafe(RECORDS_AT_ONCE * RECORD)
  #timer: NodeJS.Timeout | undefined
  #isClosed = false
  #syncedAt = 0
  /** Steps run one after the other. */
  #work: Promise<unknown> = Promise.resolve()

  /**
   * @param instance the name that all runs of this Limpet have, whatever their listeners
   * @param listeners those of the configuration: files of earlier versions are named after them
   */
  constructor(
    sessions: SessionTable,
    directory: StateDirectory,
    upstreams: readonly Upstream[],
    instance: string,
    listeners: readonly ListeningPlace[],
  ) {
    this.#sessions = sessions
    this.#directory = directory
    this.#servers = this.#serversOfFile = KeptServers.of(upstreams)
    this.#files = new SessionFileNames(directory, instance, listeners)
    this.#ids = createHash('sha256').update(sessions.key).digest('hex').slice(0, 16)
    this.#journal = new SessionJournal(directory, this.#files.own)
    this.#turnIn(TURN)
  }

  /** Loads what earlier runs have saved; returns how many live sessions there are, on servers that still exist. */
  load(): number {
    const now = wallSeconds()
    for (const name of this.#files.unfinished(LONGEST_WRITE)) this.#directory.remove(name)
    this.#follow()
    if (this.#others.length === 0) return 0
    for (const run of this.#others) {
      while (run.read((session) => this.#sessions.saved.restore(session, now)));
      if (run.isReadable) continue
      const message = `${run.name} holds no sessions that can be read, and is ignored`
      this.#directory.warn(message, { event: 'state-not-understood', file: this.#directory.pathOf(run.name) })
    }
    const going = this.#others.filter(({ isOver }) => !isOver)
    for (const run of going.slice(0, -MAX_OTHER_RUNS)) run.close()
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
      if (!this.#servers.isOf(upstreams)) this.#servers = KeptServers.of(upstreams)
      this.#serversOfFile = this.#journal.isOpen ? this.#serversOfFile.among(this.#servers) : this.#servers
      for (const run of this.#others) run.remap()
      if (!this.#isListWritten) this.#sessions.saved.giveBackChange()
    })
  }

  /**
   * From now on, runs that begin later are followed as well, and changes pass in both directions within some ms: for
   * two runs that serve the same clients. Ends by itself once the runs that were followed have ended. Resolves once there
   * is a file to append to, since the disk takes a while to write a whole one.
   *
   * @returns ends it
   */
  async keepInStep(): Promise<() => void> {
    this.#isInStep = true
    this.#sessions.saved.giveBackChange()
    await this.flush()
    if (!this.#isClosed) this.#turnIn(TURN_IN_STEP)
    return () => {
      this.#isInStep = false
    }
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
      await this.#readOthers()
      const hasChanged = this.#sessions.saved.takeChange()
      if ((hasChanged || this.#journal.isOpen) && (await this.#rewrite(true))) this.#removeMerged()
      await this.#journal.close()
    })
    for (const run of this.#others) run.close()
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
        if (this.#isClosed) return
        if (!isSaved) this.#turnIn(PAUSE)
        else this.#turnIn(this.#isInStep ? TURN_IN_STEP : TURN)
      })
    }, ms)
    this.#timer.unref()
  }

  /** Returns whether everything has been saved. */
  async #turn(): Promise<boolean> {
    await this.#readOthers()
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

  /** Merges what other runs have saved since the last turn. */
  async #readOthers(): Promise<void> {
    if (this.#isInStep) this.#follow()
    if (this.#others.length === 0) return
    const now = wallSeconds()
    for (const run of this.#others) {
      while (run.read((session) => this.#sessions.saved.merge(session, now))) await setImmediate()
    }
    this.#retire()
    if (this.#others.length === 0) this.#isInStep = false
  }

  /** Follows the runs whose files are new. */
  #follow(): void {
    for (const name of this.#files.others()) {
      if (this.#read.has(name)) continue
      this.#read.add(name)
      this.#others.push(new OtherRun(this.#directory, name, this.#slotsOf))
    }
  }

  /** Moves the earlier runs that are over to `#merged`, and forgets the later ones that are. */
  #retire(): void {
    const over = this.#others.filter(({ isOver }) => isOver).map(({ name }) => name)
    this.#merged.push(...over.filter((name) => this.#files.isEarlier(name)))
    this.#others = this.#others.filter(({ isOver }) => !isOver)
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
}
