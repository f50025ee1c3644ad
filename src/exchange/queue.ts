import type { ServerState } from '../balancing/server-state.ts'
import { now } from '../runtime/clock.ts'
import { type Deadlines, Timed } from '../runtime/deadlines.ts'
import type { Scoreboard } from '../runtime/scoreboard.ts'
import type { Upstream } from '../runtime/snapshot.ts'
import { Pause } from './pause.ts'
import { Line, Ticket, type Wait, type Waiter, type Wanted } from './ticket.ts'

/** The moment from which a suspended server may be probed, by one of the requests that wait. */
class ProbeTime extends Timed {
  readonly #come: () => void

  constructor(come: () => void) {
    super()
    this.#come = come
  }

  override expire(): void {
    this.#come()
  }
}

/**
 * A worker's requests that wait for a place on a server of one upstream. There is a line for each server that requests
 * are bound to, and one for those that may go anywhere, so that none blocks a request that waits for something else.
 * Among the heads of all lines, the one that arrived first has its turn first. Nothing is polled: the Scoreboard
 * notifies one thread of each released place, and all threads when a server comes up or goes down.
 *
 * While the upstream is paused, nobody has a turn, and no time in the queue runs out. Then all have theirs, in order.
 */
export class Queue {
  /** While it is on, all requests of the upstream are to wait. */
  readonly pause: Pause
  readonly #scoreboard: Scoreboard
  readonly #worker: number
  readonly #deadlines: Pick<Deadlines, 'set' | 'remove'>
  /** Lines that are not empty. */
  readonly #lines = new Map<Wanted, Line>()
  readonly #probeTime = new ProbeTime(() => this.#serve())
  /** The places for which a notification is outstanding. */
  readonly #heardOf = new Set<Wanted>()
  #settings: Upstream
  #servers: readonly ServerState[]
  #hearsOfEpochs = false
  #tickets = 0
  #isServing = false
  /** Whether turns are to be given (again): a change may come while they are given. */
  #isStale = false

  constructor(
    settings: Upstream,
    servers: readonly ServerState[],
    scoreboard: Scoreboard,
    worker: number,
    deadlines: Pick<Deadlines, 'set' | 'remove'>,
  ) {
    this.#settings = settings
    this.#servers = servers
    this.#scoreboard = scoreboard
    this.#worker = worker
    this.#deadlines = deadlines
    this.pause = new Pause(deadlines, () => this.#resume())
    this.pause.apply(settings.pause)
  }

  /**
   * Takes over other settings and servers. Unless the upstream is paused, all requests in the queue have a turn: those bound
   * to a removed server are decided again, and the others keep waiting if they must, with their deadlines.
   */
  apply(settings: Upstream, servers: readonly ServerState[]): void {
    const wasPaused = this.pause.isOn
    this.#settings = settings
    this.#servers = servers
    this.pause.apply(settings.pause)
    if (wasPaused === this.pause.isOn) this.#serve()
    else if (wasPaused) this.#resume()
    else this.#setDeadlines()
  }

  /**
   * The upstream was removed, and no request waits here any more. If it comes back before its slot is another's, a place is to
   * be made known to the queue that it has then, and not to this one.
   */
  close(): void {
    for (const place of this.#heardOf) this.#scoreboard.queues.wakeLine(this.#settings.slot, place?.settings.slot)
  }

  /** Whether no request of this worker waits. */
  get isEmpty(): boolean {
    return this.#lines.size === 0
  }

  /** Whether requests of this worker wait for exactly that place. */
  isAwaited(place: Wanted): boolean {
    return !this.isEmpty && this.#lines.has(place)
  }

  /**
   * Joins the queue. The turn may come before this returns: then the ticket is no longer valid.
   *
   * @returns undefined if the queue is full
   */
  join(waiter: Waiter, { place }: Wait): Ticket | undefined {
    const { slot, queue } = this.#settings
    if (!this.#scoreboard.queues.beginWait(slot, place?.settings.slot, this.#worker, queue.size)) return undefined
    const line = this.#lineFor(place)
    const ticket = new Ticket(this, ++this.#tickets, waiter, line)
    line.add(ticket)
    this.#setDeadline(ticket)
    // No notification comes for a place that was released before this thread was registered as waiting.
    if (line.first === ticket) this.#serve()
    return ticket
  }

  /** Removes a ticket, if it is still in the queue. */
  remove(ticket: Ticket): void {
    if (!ticket.isValid) return
    ticket.isValid = false
    ticket.waiter.waited += Math.max(0, now() - ticket.since)
    this.#deadlines.remove(ticket)
    this.#leaveLine(ticket)
    this.#scoreboard.queues.endWait(this.#settings.slot, ticket.line.place?.settings.slot, this.#worker)
    if (this.#lines.size === 0) this.#deadlines.remove(this.#probeTime)
  }

  /** The time that a request may wait begins with the end of a pause. */
  #setDeadline(ticket: Ticket): void {
    const { timeout } = this.#settings.queue
    ticket.since = this.pause.isOn ? Infinity : now()
    this.#deadlines.set(ticket, this.pause.isOn || timeout === 0 ? 0 : Math.max(1, timeout - ticket.waiter.waited))
  }

  #setDeadlines(): void {
    for (const { first } of this.#lines.values()) {
      for (let ticket = first; ticket !== undefined; ticket = ticket.after) this.#setDeadline(ticket)
    }
  }

  /** A pause has ended. Places that became free meanwhile, and that no request takes here, are for other threads. */
  #resume(): void {
    this.#setDeadlines()
    this.#serve()
    this.#passOn()
  }

  #lineFor(place: Wanted): Line {
    let line = this.#lines.get(place)
    if (line !== undefined) return line
    line = new Line(place)
    this.#lines.set(place, line)
    this.#hearOfPlaces(place)
    this.#hearOfEpochs()
    return line
  }

  #leaveLine(ticket: Ticket): void {
    const { line } = ticket
    line.remove(ticket)
    if (line.first === undefined) this.#lines.delete(line.place)
  }

  #move(ticket: Ticket, place: Wanted): void {
    const from = ticket.line.place
    this.#leaveLine(ticket)
    this.#scoreboard.queues.moveWait(this.#settings.slot, from?.settings.slot, place?.settings.slot, this.#worker)
    this.#lineFor(place).add(ticket)
  }

  // ── notifications ──────────────────────────────────────────────────────────────────────────────────────────────

  /** Waits for a free place. At most one promise for each line is pending, however often the line empties and fills. */
  #hearOfPlaces(place: Wanted): void {
    if (this.#heardOf.has(place)) return
    this.#heardOf.add(place)
    this.#scoreboard.queues.untilPlace(this.#settings.slot, place?.settings.slot).then(() => {
      this.#heardOf.delete(place)
      if (this.#lines.has(place)) this.#hearOfPlaces(place)
      this.#serve()
      if (!this.#lines.has(place)) this.#passOn()
    })
  }

  /** Wakes other threads that may need a place that is free, and that no request here takes. */
  #passOn(): void {
    const time = now()
    for (const server of this.#servers) {
      const { maxConnections, slot } = server.settings
      if (maxConnections > 0 && server.mayServe(time, true)) this.#scoreboard.queues.wakeOne(slot, this.#settings.slot)
    }
  }

  #hearOfEpochs(): void {
    if (this.#hearsOfEpochs) return
    this.#hearsOfEpochs = true
    this.#scoreboard.upstreams.untilEpoch(this.#settings.slot).then(() => {
      this.#hearsOfEpochs = false
      if (this.#lines.size === 0) return
      this.#hearOfEpochs()
      this.#serve()
    })
  }

  // ── turns ──────────────────────────────────────────────────────────────────────────────────────────────────────

  #serve(): void {
    if (this.pause.isOn) return
    this.#isStale = true
    if (this.#isServing) return
    this.#isServing = true
    while (this.#isStale) {
      this.#isStale = false
      this.#giveTurns()
    }
    this.#isServing = false
    this.#awaitProbe()
  }

  /** Gives a turn to the head of each line, the longest-waiting one first, until none can go on. */
  #giveTurns(): void {
    const blocked = new Set<Line>()
    for (let line = this.#oldest(blocked); line !== undefined; line = this.#oldest(blocked)) {
      const ticket = line.first!
      const answer = ticket.waiter.takeTurn(now())
      if (answer === 'done') ticket.leave()
      else if (answer.place !== line.place) this.#move(ticket, answer.place)
      else blocked.add(line)
    }
  }

  /** The line whose head has waited longest. */
  #oldest(blocked: ReadonlySet<Line>): Line | undefined {
    let oldest: Line | undefined
    for (const line of this.#lines.values()) {
      if (!blocked.has(line) && (oldest === undefined || line.first!.number < oldest.first!.number)) oldest = line
    }
    return oldest
  }

  /** Sets a timer for the next probe of a suspended server, since no notification comes for that. */
  #awaitProbe(): void {
    if (this.#lines.size === 0) return
    const time = now()
    let least = Infinity
    for (const server of this.#servers) {
      if (!server.isUp(time)) least = Math.min(least, server.untilProbe(time))
    }
    if (least === Infinity) this.#deadlines.remove(this.#probeTime)
    else this.#deadlines.set(this.#probeTime, least)
  }
}
