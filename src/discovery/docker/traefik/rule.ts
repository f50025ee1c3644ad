import { InvalidValue } from '../../../config/error.ts'

/**
 * The rule of a router of Traefik, of both syntaxes, 2 and 3:
 *
 *     rule    = all ("||" all)*
 *     all     = part ("&&" part)*
 *     part    = "!" part | "(" rule ")" | name "(" text ("," text)* ")"
 *     text    = "`" … "`" | '"' … '"'
 */
export type Rule =
  | { readonly kind: 'any' | 'all'; readonly parts: readonly Rule[] }
  | { readonly kind: 'not'; readonly part: Rule }
  | Matcher

export interface Matcher {
  readonly kind: 'matcher'
  /** As it is written: `PathPrefix`. */
  readonly name: string
  readonly values: readonly string[]
}

const LONGEST_RULE = 8192
const DEEPEST_RULE = 50

/** @throws InvalidValue */
export function parseRule(text: string): Rule {
  if (text.length > LONGEST_RULE) throw new InvalidValue(`a rule of at most ${LONGEST_RULE} characters`)
  const reader = new RuleReader(text)
  const rule = reader.rule(0)
  reader.end()
  return rule
}

class RuleReader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  rule(depth: number): Rule {
    if (depth > DEEPEST_RULE) throw new InvalidValue(`parentheses at most ${DEEPEST_RULE} deep`)
    return this.#joined('any', '||', () => this.#joined('all', '&&', () => this.#part(depth)))
  }

  end(): void {
    this.#skipSpace()
    if (this.#at < this.#text.length) throw this.#unexpected('&&, || or the end of the rule')
  }

  #joined(kind: 'any' | 'all', operator: string, read: () => Rule): Rule {
    const parts = [read()]
    while (this.#takes(operator)) parts.push(read())
    return parts.length === 1 ? parts[0]! : { kind, parts }
  }

  #part(depth: number): Rule {
    let isNegated = false
    while (this.#takes('!')) isNegated = !isNegated
    const part = this.#takes('(') ? this.#parenthesised(depth + 1) : this.#matcher()
    return isNegated ? { kind: 'not', part } : part
  }

  #parenthesised(depth: number): Rule {
    const rule = this.rule(depth)
    if (!this.#takes(')')) throw this.#unexpected(')')
    return rule
  }

  #matcher(): Matcher {
    this.#skipSpace()
    const [name] = /^[A-Za-z]\w*/.exec(this.#text.slice(this.#at, this.#at + 64)) ?? []
    if (name === undefined) throw this.#unexpected('a matcher such as Host(`example.org`)')
    this.#at += name.length
    if (!this.#takes('(')) throw this.#unexpected('( after the name of a matcher')
    const values: string[] = []
    if (this.#takes(')')) return { kind: 'matcher', name, values }
    do values.push(this.#quoted())
    while (this.#takes(','))
    if (!this.#takes(')')) throw this.#unexpected(', or )')
    return { kind: 'matcher', name, values }
  }

  #quoted(): string {
    this.#skipSpace()
    const quote = this.#text[this.#at]
    if (quote !== '`' && quote !== '"') throw this.#unexpected('a value in backticks')
    const from = this.#at + 1
    const end = quote === '`' ? this.#text.indexOf(quote, from) : this.#endOfQuotes(from)
    if (end < 0) throw new InvalidValue(`a ${quote} that ends the value which begins at character ${from}`)
    this.#at = end + 1
    const value = this.#text.slice(from, end)
    return quote === '`' ? value : value.replaceAll(/\\(["\\])/g, '$1')
  }

  /** The place of the next quotation mark that no backslash precedes, or -1. */
  #endOfQuotes(from: number): number {
    for (let at = from; at < this.#text.length; at++) {
      if (this.#text[at] === '\\') at++
      else if (this.#text[at] === '"') return at
    }
    return -1
  }

  #takes(token: string): boolean {
    this.#skipSpace()
    if (!this.#text.startsWith(token, this.#at)) return false
    this.#at += token.length
    return true
  }

  #skipSpace(): void {
    while (/\s/.test(this.#text[this.#at] ?? '')) this.#at++
  }

  #unexpected(expected: string): InvalidValue {
    const found = this.#text.slice(this.#at, this.#at + 20)
    const place = found === '' ? 'at the end of the rule' : `at character ${this.#at + 1}, before ${found}`
    const hint = found.startsWith("'") ? 'write the value in backticks' : undefined
    return new InvalidValue(`${expected} ${place}`, hint)
  }
}
