import type { z } from 'zod'
import { alternatives, shown, shownByKind } from './error.ts'
import { isHashOfFilter } from './filters/filter-secrets.ts'
import type { KeyPath } from './key-path.ts'
import { misspelt, nearest } from './nearest.ts'
import { insteadOfUnsupported } from './not-supported.ts'
import { isSecretOfSource } from './sources/source-secrets.ts'
import { valueMeant } from './value-meant.ts'

/** A mistake at a path in a value. The value may come from a file or a variable. */
export interface Issue {
  readonly path: KeyPath
  /** The key itself is wrong, not its value. */
  readonly atKey?: boolean
  readonly message: string
  readonly hint?: string | undefined
  /** Another, related place. */
  readonly see?: KeyPath
  /** The type that the schema expects, if only the type is wrong. */
  readonly wanted?: 'number' | 'boolean' | undefined
  /** What the key by which a union tells its alternatives apart may say, if it is missing. */
  readonly choices?: readonly string[]
}

export type Outcome<Value> = { readonly value: Value } | { readonly issues: readonly Issue[] }

/** Decodes a value by its schema, or returns all issues, with messages in this program's wording. */
export function validate<Schema extends z.ZodType>(schema: Schema, value: unknown): Outcome<z.output<Schema>> {
  const result = schema.safeParse(value, { error: expectation, reportInput: true })
  return result.success
    ? { value: result.data }
    : { issues: result.error.issues.flatMap((issue) => flatten(issue, [])) }
}

/** The hint for a suggested word, if there is one. */
export function didYouMean(word: string | undefined): string | undefined {
  return word && `did you mean ${word}?`
}

const kinds: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping',
  record: 'a mapping',
}

/** The phrase after "expected …", for issues whose schema does not define one. For an unknown key, the known keys. */
const expectation: z.core.$ZodErrorMap = (issue) => {
  switch (issue.code) {
    case 'invalid_type':
      return kinds[issue.expected]
    case 'invalid_value':
      return alternatives(issue.values.map(String))
    case 'invalid_union':
      return alternatives(optionsOf(issue))
    case 'unrecognized_keys':
      return Object.keys((issue.inst as z.ZodObject).shape).join(', ')
    default:
      return undefined
  }
}

function flatten(issue: z.core.$ZodIssue, parent: KeyPath): Issue[] {
  const path = [...parent, ...issue.path]
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownKey([...path, key], key, issue.message.split(', ')))
    case 'invalid_key':
      return [{ path, atKey: true, message: `expected ${issue.issues[0]?.message}, found ${shown(issue.input)}` }]
    case 'invalid_union':
      return alternativeMeant(issue)?.flatMap((inner) => flatten(inner, path)) ?? [mismatch(issue, path)]
    default:
      return [mismatch(issue, path)]
  }
}

function unknownKey(path: KeyPath, key: string, known: readonly string[]): Issue {
  const meant = nearest(key, known)
  const instead = insteadOfUnsupported(key)
  // A key of other programs may be a misspelt one of these, but is not short for one.
  if (instead !== undefined && misspelt(key, known) === undefined)
    return { path, atKey: true, message: 'not supported', hint: instead }
  return { path, atKey: true, message: `unknown key, expected ${alternatives(known)}`, hint: didYouMean(meant) }
}

/** The issues of the alternative in a union that matches the kind of the value (text, list, mapping) and its keys, if there is just one. */
function alternativeMeant({ errors }: z.core.$ZodIssueInvalidUnion): z.core.$ZodIssue[] | undefined {
  const ofKind = errors.filter((issues) => !issues.some(isOfAnotherKind))
  const tagged = ofKind.filter((issues) => !issues.some(lacksDiscriminator))
  // Without the key that tells a mapping apart, a list was more likely meant: `servers: { address: … }`.
  if (tagged.length === 0 && errors.some((issues) => issues.some(wantsList))) return undefined
  const possible = tagged.length > 0 ? tagged : ofKind
  const fewest = Math.min(...possible.map(countUnknownKeys))
  const meant = possible.filter((issues) => countUnknownKeys(issues) === fewest)
  return meant.length === 1 ? meant[0] : undefined
}

function countUnknownKeys(issues: readonly z.core.$ZodIssue[]): number {
  return issues.reduce((sum, issue) => sum + (issue.code === 'unrecognized_keys' ? issue.keys.length : 0), 0)
}

function isOfAnotherKind(issue: z.core.$ZodIssue): boolean {
  if (issue.path.length > 0) return false
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    return issue.errors.every((issues) => issues.some(isOfAnotherKind))
  }
  if (issue.code !== 'invalid_value') return issue.code === 'invalid_type'
  const isSwitch = issue.values.every((value) => typeof value === 'boolean')
  return isSwitch ? typeof issue.input !== 'boolean' : typeof issue.input === 'object'
}

function wantsList(issue: z.core.$ZodIssue): boolean {
  return issue.path.length === 0 && issue.code === 'invalid_type' && issue.expected === 'array'
}

/** Whether a mapping does not have the key by which this union tells its alternatives apart. */
function lacksDiscriminator(issue: z.core.$ZodIssue): boolean {
  if (issue.code !== 'invalid_union' || issue.discriminator === undefined) return false
  return !Object.hasOwn(issue.input as object, issue.discriminator)
}

function mismatch(issue: z.core.$ZodIssue, path: KeyPath): Issue {
  const found = foundBy(issue)
  if (isSecret(path, found)) return { path, message: `expected ${issue.message}, found ${shownByKind(found)}` }
  const message = `expected ${issue.message}, found ${shown(found)}`
  const choices = found === undefined ? optionsOf(issue) : []
  return { path, message, hint: hintFor(issue, found), wanted: wantedBy(issue), ...(choices.length > 0 && { choices }) }
}

/** Whether the value at the path is or should be a secret. An invalid one may still be a password. */
function isSecret(path: KeyPath, value: unknown): boolean {
  if (path[0] === 'admin' && path[1] === 'tokens') return path[3] === 'value'
  if (path.at(-1) === 'key' && path.at(-2) === 'externalAccount') return true
  if (isSecretOfSource(path, value)) return true
  if (isHashOfFilter(path)) return true
  const secrets = path.lastIndexOf('secrets')
  return secrets > 0 && path[secrets - 1] === 'affinity' && path.length - secrets <= 2
}

/** The value that is wrong. A union on `type` reports its issue at `type`, but with the whole mapping as its input. */
function foundBy(issue: z.core.$ZodIssue): unknown {
  const isByType = issue.code === 'invalid_union' && issue.discriminator !== undefined
  return isByType ? (issue.input as Record<string, unknown>)[issue.discriminator] : issue.input
}

/** The valid values of `type` in a union. */
function optionsOf(issue: object): string[] {
  return 'options' in issue && Array.isArray(issue.options) ? issue.options.map(String) : []
}

function wantedBy(issue: z.core.$ZodIssue): 'number' | 'boolean' | undefined {
  if (issue.code !== 'invalid_type') return undefined
  if (issue.expected === 'boolean') return 'boolean'
  return issue.expected === 'number' || issue.expected === 'int' ? 'number' : undefined
}

function hintFor(issue: z.core.$ZodIssue, found: unknown): string | undefined {
  switch (issue.code) {
    case 'custom':
      return issue.params?.hint
    case 'invalid_value':
      return didYouMean(valueMeant(String(found), issue.values.map(String)))
    case 'invalid_union':
      return didYouMean(nearest(String(found), optionsOf(issue)))
    case 'invalid_type':
      return otherwiseQuoted(issue.expected, found)
    default:
      return undefined
  }
}

/** The hint for a missing or superfluous pair of quotes: YAML distinguishes text from numbers and booleans by them. */
function otherwiseQuoted(expected: string, found: unknown): string | undefined {
  if (expected === 'string' && ['number', 'boolean'].includes(typeof found)) return `write "${found}"`
  if (typeof found !== 'string') return undefined
  if (expected === 'boolean') return booleans.get(found.toLowerCase())
  return expected === 'number' && /^\d+$/.test(found) ? `write ${found} without quotes` : undefined
}

const booleans = new Map(
  ['true', 'yes', 'on', 'false', 'no', 'off'].map((word, index) => [word, `write ${index < 3}`] as const),
)
