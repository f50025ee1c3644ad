import { InvalidValue } from '../../../../config/error.ts'
import type { Label } from '../../label-mistakes.ts'
import type { Fields } from '../fields.ts'
import { parseList, parseSwitch } from '../values.ts'
import { UnusableOption } from './effect.ts'

/** What labels say of one kind of a middleware. */
export class Options {
  readonly #kind: string
  readonly #fields: Fields

  /** @param kind in lower case */
  constructor(kind: string, fields: Fields) {
    this.#kind = kind
    this.#fields = fields
  }

  /** The label of an option, which is in lower case: `sourcecriterion.requesthost`; of an empty one, that of the kind alone. */
  label(option: string): Label | undefined {
    return this.#fields.get(option === '' ? this.#kind : `${this.#kind}.${option}`)
  }

  /** Throws UnusableOption where the value is not valid. */
  read<Value>(option: string, parse: (text: string) => Value): Value | undefined {
    const label = this.label(option)
    if (label === undefined) return undefined
    try {
      return parse(label.value.trim())
    } catch (error) {
      throw error instanceof InvalidValue ? new UnusableOption(label, error) : error
    }
  }

  /** The same for one that there must be. */
  required<Value>(option: string, parse: (text: string) => Value): Value {
    const value = this.read(option, parse)
    if (value !== undefined) return value
    throw new UnusableOption(this.any, new InvalidValue(`${option} beside it`))
  }

  list(option: string): string[] {
    return this.read(option, parseList) ?? []
  }

  isOn(option: string): boolean {
    return this.read(option, parseSwitch) ?? false
  }

  /** Those below an option, such as `customrequestheaders`, each with the rest of its name as it is written. */
  below(option: string): { readonly name: string; readonly label: Label }[] {
    const start = `${this.#kind}.${option}.`
    return [...this.#fields]
      .filter(([key]) => key.startsWith(start))
      .map(([key, label]) => ({ name: label.label.slice(-(key.length - start.length)), label }))
  }

  /** One of its labels. */
  get any(): Label {
    return [...this.#fields].find(([key]) => key === this.#kind || key.startsWith(`${this.#kind}.`))![1]
  }
}
