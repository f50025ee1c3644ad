import { MAX_SERVERS } from '../../runtime/bounds.ts'
import type { EngineEvent } from './engine.ts'
import type { Inspected } from './inspected.ts'
import { isStopSignal } from './stop-signal.ts'

/** A container that runs, and whether it has been asked to stop since it started. */
export interface KnownContainer extends Inspected {
  readonly isStopping: boolean
}

/**
 * What is known of containers, from events and from looking at single ones. An event that says it all takes effect at once: a
 * signal to stop, a death, a pause. After every event the container is looked at, so what is known is right in the end.
 */
export class KnownContainers {
  readonly #containers = new Map<string, KnownContainer>()
  /** When each was asked to stop, in ms. */
  readonly #stops = new Map<string, number>()
  /** Those to look at. */
  readonly #asked = new Set<string>()

  /** Those to look at now. What was found out about them by looks that began before is out of date. */
  takeAsked(most: number): string[] {
    const ids = [...this.#asked].slice(0, most)
    for (const id of ids) this.#asked.delete(id)
    return ids
  }

  ask(id: string): void {
    this.#asked.add(id)
  }

  /** Takes in what a look has found; undefined: no such container. */
  found(id: string, container: Inspected | undefined): void {
    // Something has happened to it since the look began.
    if (this.#asked.has(id)) return
    if (container === undefined || container.state === 'gone') this.#forget(id)
    else if (this.#containers.has(id) || this.#containers.size < MAX_SERVERS) this.#set(container)
    else throw new Error(`the engine has more than ${MAX_SERVERS} containers`)
  }

  /** Returns whether it must take effect at once: a container has been asked to stop, or is dead. */
  happened({ Type, Action, Actor: { ID, Attributes }, timeNano }: EngineEvent): boolean {
    const id = Type === 'network' ? Attributes?.container : ID
    if (id === undefined || id === '') return false
    this.#asked.add(id)
    switch (Type === 'container' ? Action : '') {
      case 'kill':
        return this.#told(id, Attributes?.signal ?? '', timeNano / 1e6)
      case 'die':
        return this.#containers.delete(id)
      case 'pause':
        return this.#isNow(id, 'away')
      case 'destroy':
        this.#forget(id)
        return false
      default:
        return false
    }
  }

  /** A container of which nothing new is known is the same object as before. */
  get all(): KnownContainer[] {
    return [...this.#containers.values()]
  }

  #told(id: string, signal: string, at: number): boolean {
    const container = this.#containers.get(id)
    // Where it is not known yet which signal stops it, all of them are remembered that do as a rule.
    if (!isStopSignal(signal, container?.stopSignal)) return false
    this.#stops.set(id, at)
    if (container === undefined || container.isStopping) return false
    this.#set(container)
    return true
  }

  #isNow(id: string, state: Inspected['state']): boolean {
    const container = this.#containers.get(id)
    if (container === undefined || container.state === state) return false
    this.#set({ ...container, state })
    return true
  }

  #set(container: Inspected): void {
    const isStopping = (this.#stops.get(container.id) ?? 0) > container.started
    this.#containers.set(container.id, { ...container, isStopping })
  }

  #forget(id: string): void {
    this.#containers.delete(id)
    this.#stops.delete(id)
  }
}
