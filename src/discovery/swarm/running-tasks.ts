import type { EngineEvent } from '../docker/engine.ts'
import type { EngineView, EngineWatch } from '../docker/engine-watch.ts'
import { isStopSignal } from '../docker/stop-signal.ts'
import { Refused } from '../http-client.ts'
import { type KnownTask, knownTasks } from './known-tasks.ts'
import { isChanging, type SwarmState, swarmState } from './swarm-state.ts'

/** How often the tasks are asked for while some are starting or stopping, in ms. */
const BUSY = 500
/** How long after an event the tasks are asked for, in ms: an event is seldom alone. */
const SETTLE = 50

/** All tasks of a Swarm that run, or are about to. */
export interface TaskSighting {
  readonly tasks: readonly KnownTask[]
  /** Whether one has been asked to stop, or has ended, since the last one. */
  readonly isUrgent: boolean
}

/**
 * All tasks of a Swarm. Docker has no events of tasks: they are asked for every `poll` ms, more often while some start or stop,
 * and at once after events of services, of nodes, and of the containers of the node that is asked.
 */
export class RunningTasks implements EngineView<TaskSighting> {
  /** Those of the Swarm, and those of the containers of this node. */
  readonly events = {
    type: ['service', 'node', 'container'],
    event: ['create', 'update', 'remove', 'start', 'kill', 'die', 'health_status'],
  }
  readonly lookBack = 0
  readonly #watch: EngineWatch
  readonly #poll: number
  readonly #stopping = new Set<string>()
  readonly #ended = new Set<string>()
  /** Where tasks were reached: for tasks that are stopping, the manager no longer says it. */
  #published = new Map<string, KnownTask['published']>()
  #state: SwarmState = { services: [], tasks: [], nodes: [] }
  #timer: NodeJS.Timeout | undefined
  #isLooking = false
  #isAskedAgain = false
  #isUrgent = false
  #reported = ''

  constructor(watch: EngineWatch, poll: number) {
    this.#watch = watch
    this.#poll = poll
    watch.signal.addEventListener('abort', () => clearTimeout(this.#timer))
  }

  begin(): Promise<void> {
    return this.#look()
  }

  take(): TaskSighting {
    const isUrgent = this.#isUrgent
    this.#isUrgent = false
    return { tasks: this.#tasks(), isUrgent }
  }

  happened(events: readonly EngineEvent[]): void {
    for (const { Action, Actor } of events) {
      const task = Actor.Attributes?.['com.docker.swarm.task.id']
      if (task !== undefined) this.#happenedTo(task, Action, Actor.Attributes?.signal)
    }
    this.#lookIn(SETTLE)
  }

  #happenedTo(task: string, action: string, signal = ''): void {
    const told = action === 'kill' && isStopSignal(signal, undefined)
    if (!told && action !== 'die') return
    const known = told ? this.#stopping : this.#ended
    if (known.has(task)) return
    known.add(task)
    this.#report(true)
  }

  /** Looks in that many ms, or earlier if that is intended already. */
  #lookIn(milliseconds: number): void {
    if (this.#isLooking) this.#isAskedAgain = true
    else {
      clearTimeout(this.#timer)
      this.#timer = setTimeout(() => this.#watch.news.failWith(this.#look()), milliseconds)
    }
  }

  async #look(): Promise<void> {
    this.#isLooking = true
    this.#isAskedAgain = false
    this.#state = await this.#ask()
    this.#isLooking = false
    const present = new Set(this.#state.tasks.map(({ ID }) => ID))
    for (const known of [this.#stopping, this.#ended])
      for (const task of known) if (!present.has(task)) known.delete(task)
    const tasks = this.#tasks()
    this.#published = new Map(tasks.map(({ id, published }) => [id, published]))
    this.#report(false)
    if (this.#watch.signal.aborted) return
    this.#lookIn(this.#isAskedAgain ? SETTLE : isChanging(this.#state) ? Math.min(BUSY, this.#poll) : this.#poll)
  }

  async #ask(): Promise<SwarmState> {
    const { engine, signal } = this.#watch
    try {
      const [services, tasks, nodes] = await Promise.all([
        engine.ask('/services', {}, signal),
        engine.ask('/tasks', {}, signal),
        engine.ask('/nodes', {}, signal),
      ])
      return swarmState(services, tasks, nodes)
    } catch (error) {
      if (!(error instanceof Refused) || error.status !== 503) throw error
      throw new Error(
        'this Docker engine is no manager of a Swarm: name one as host, or make one with docker swarm init',
      )
    }
  }

  #tasks(): KnownTask[] {
    return knownTasks(this.#state, { stopping: this.#stopping, ended: this.#ended }).map((task) => {
      const before = this.#published.get(task.id)
      return task.published.size === 0 && before !== undefined ? { ...task, published: before } : task
    })
  }

  #report(isUrgent: boolean): void {
    const seen = JSON.stringify(this.#tasks(), (key, value) => (key === 'published' ? [...value] : value))
    if (seen === this.#reported) return
    this.#reported = seen
    this.#isUrgent ||= isUrgent
    this.#watch.news.report()
  }
}
