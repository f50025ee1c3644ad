import { block, type Directive, directive } from './directive.ts'
import { pcreLiteral } from './expression.ts'
import { isConditional, type Route } from './route.ts'

/** The value of a map if no route that shares the location matches the request. */
export const NO_ROUTE = 'no_route'

/**
 * The conditions on methods and headers as nginx maps: for each condition, a variable that is 0 or 1; for each list of routes
 * that share a location, a variable with the outcome of the first route whose conditions are met.
 */
export class ConditionMaps {
  readonly #maps: Directive[] = []
  /** From the content of a map to the variable that it sets. */
  readonly #variables = new Map<string, string>()

  get directives(): readonly Directive[] {
    return this.#maps
  }

  /**
   * The variable with the outcome of the first route whose conditions are met.
   *
   * @param routes the most specific first; an unconditional one ends the list
   */
  choice(routes: readonly Route[], outcomeOf: (route: Route) => string): string {
    const conditions = [...new Set(routes.flatMap((route) => this.#conditionsOf(route)))]
    const cases = routes.filter(isConditional).map((route) => {
      const held = this.#conditionsOf(route)
      const pattern = conditions.map((condition) => (held.includes(condition) ? '1' : '.')).join('')
      return directive(`~^${pattern}$`, outcomeOf(route))
    })
    const last = routes.find((route) => !isConditional(route))
    const otherwise = directive('default', last === undefined ? NO_ROUTE : outcomeOf(last))
    return this.#variable('route', conditions.join(''), [otherwise, ...cases])
  }

  #conditionsOf({ methods, headers }: Route): string[] {
    return [
      ...(methods.length === 0 ? [] : [this.#condition('method', '$request_method', methods)]),
      ...Object.entries(headers).map(([name, value]) =>
        this.#condition('header', `$http_${name.replaceAll('-', '_')}`, [value]),
      ),
    ]
  }

  /** A variable that is 1 if `subject` is exactly one of `values`. Plain values in a map would ignore case. */
  #condition(kind: string, subject: string, values: readonly string[]): string {
    const alternatives = values.map(pcreLiteral).join('|')
    return this.#variable(kind, subject, [directive('default', 0), directive(`~^(?:${alternatives})$`, 1)])
  }

  #variable(kind: string, subject: string, cases: readonly Directive[]): string {
    const content = JSON.stringify([subject, cases])
    const known = this.#variables.get(content)
    if (known !== undefined) return known
    const count = [...this.#variables.values()].filter((name) => name.startsWith(`$limpet_${kind}_`)).length
    const name = `$limpet_${kind}_${count + 1}`
    this.#variables.set(content, name)
    this.#maps.push(block('map', [subject, name], cases))
    return name
  }
}
