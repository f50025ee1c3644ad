import { InvalidValue, shown } from '../../config/error.ts'
import type { Mistake } from '../provider.ts'
import type { Container } from './container.ts'

/** One label, or one variable of the environment, of a container. */
export interface Label {
  readonly container: Container
  readonly label: string
  readonly value: string
}

/** Collects what cannot be used of the labels of all containers. Containers of one service have the same labels: each mistake is reported once. */
export class LabelMistakes {
  readonly #mistakes = new Map<string, Mistake>()
  readonly #notes = new Map<string, { readonly where: string; readonly labels: Set<string> }>()

  add({ container, label }: Omit<Label, 'value'>, message: string, hint?: string): void {
    const { project, service } = container
    const key = JSON.stringify([project, service, label, message])
    if (this.#mistakes.has(key)) return
    this.#mistakes.set(key, { where: this.where(container, label), message, ...(hint !== undefined && { hint }) })
  }

  /** Of the container as a whole. */
  addOf(container: Container, message: string, hint?: string): void {
    const where = `container ${container.name}`
    this.#mistakes.set(JSON.stringify([where, message]), { where, message, ...(hint !== undefined && { hint }) })
  }

  /** Says that the value is not valid. */
  refuse(label: Label, error: InvalidValue): void {
    this.add(label, `${error.message}, found ${shown(label.value)}`, error.hint)
  }

  /** Says once, for all containers, why labels like this one are not used. */
  note({ container, label }: Omit<Label, 'value'>, why: string): void {
    const note = this.#notes.get(why) ?? { where: this.where(container, label), labels: new Set() }
    note.labels.add(label)
    this.#notes.set(why, note)
  }

  /** The result of the step; undefined if the value is not valid, which is reported. */
  attempt<Result>(label: Label, step: (value: string) => Result): Result | undefined {
    try {
      return step(label.value.trim())
    } catch (error) {
      if (!(error instanceof InvalidValue)) throw error
      this.refuse(label, error)
      return undefined
    }
  }

  /** Takes in what another has collected. */
  include(others: LabelMistakes): void {
    for (const [key, mistake] of others.#mistakes) if (!this.#mistakes.has(key)) this.#mistakes.set(key, mistake)
    for (const [why, { where, labels }] of others.#notes) {
      const note = this.#notes.get(why) ?? { where, labels: new Set() }
      for (const label of labels) note.labels.add(label)
      this.#notes.set(why, note)
    }
  }

  where(container: Container, label: string): string {
    return `container ${container.name}: ${Object.hasOwn(container.environment, label) ? 'variable' : 'label'} ${label}`
  }

  get all(): Mistake[] {
    const notes = [...this.#notes].map(([why, { where, labels }]): Mistake => {
      const others = labels.size === 1 ? '' : `, and ${labels.size - 1} more like it`
      return { where: `${where}${others}`, message: 'is not used', hint: why }
    })
    return [...this.#mistakes.values(), ...notes]
  }
}
