import { Filter } from '../../../../config/filter.ts'
import { formatPath } from '../../../../config/key-path.ts'
import { nearest } from '../../../../config/nearest.ts'
import { didYouMean, validate } from '../../../../config/validate.ts'
import { LabelMistakes } from '../../label-mistakes.ts'
import type { Fields } from '../fields.ts'
import { type Effect, UnusableOption } from './effect.ts'
import { optionKeyOf, optionsOf } from './keys.ts'
import { middlewareKinds, type ReadKind } from './kinds.ts'
import { Options } from './options.ts'

/** What a middleware needs that Limpet does not have: `digestauth`, `basicauth.usersfile`. */
export interface Missing {
  readonly what: string
  readonly hint: string
}

/** What one middleware that is no chain does to routes. */
export interface Reading {
  /** Absent: routes that need it are not served. */
  readonly effect?: Effect
  /** Why, where its own labels have no mistake. */
  readonly missing?: Missing
  /** What its own labels have that is not valid, or not used. */
  readonly mistakes: LabelMistakes
}

const NOTHING: Effect = { filters: [], unused: [] }

const readBefore = new WeakMap<Fields, Reading>()

/** Reads what labels say of a middleware. */
export function readingOf(fields: Fields): Reading {
  const read = readBefore.get(fields) ?? readFields(fields)
  readBefore.set(fields, read)
  return read
}

function readFields(fields: Fields): Reading {
  const mistakes = new LabelMistakes()
  const [name = '', ...others] = new Set([...fields.keys()].map((key) => key.split('.')[0]!))
  if (others.length > 0)
    return { missing: { what: [name, ...others].join(', '), hint: 'give each middleware one kind' }, mistakes }
  const kind = middlewareKinds.get(name)
  if (kind === undefined) return { missing: { what: name, hint: 'use a middleware of Traefik 2 or 3' }, mistakes }
  if (kind.route === 'left-out') return { missing: { what: name, hint: kind.hint }, mistakes }
  const options = new Options(name, fields)
  if (!('read' in kind)) {
    const { container, label } = options.any
    const whole = { container, label: label.split('.').slice(0, 5).join('.') }
    mistakes.add(whole, 'is not supported: routes are served without it', kind.hint)
    return { effect: NOTHING, mistakes }
  }
  return readOptions(name, kind, options, fields, mistakes)
}

function readOptions(
  name: string,
  { read }: ReadKind,
  options: Options,
  fields: Fields,
  mistakes: LabelMistakes,
): Reading {
  for (const [written, label] of fields) {
    const key = optionKeyOf(written)
    const isOff = label.value.trim().toLowerCase() === 'false'
    if (key === undefined) {
      const hint = didYouMean(nearest(written.slice(name.length + 1), optionsOf(name)))
      mistakes.add(label, `is no option of ${name}: routes that need it are not served`, hint)
      return { mistakes }
    }
    if (key.meaning === 'left-out' && !isOff) return { missing: { what: written, hint: key.why }, mistakes }
    if (key.meaning === 'refused' && !isOff)
      mistakes.add(label, 'is not supported: routes are served without it', key.why)
    if (key.meaning === 'noted') mistakes.note(label, key.why)
  }
  try {
    const effect = read(options)
    for (const { label, message, hint } of effect.unused) mistakes.add(label, message, hint)
    return isValid(effect, options, mistakes) ? { effect, mistakes } : { mistakes }
  } catch (error) {
    if (!(error instanceof UnusableOption)) throw error
    const { label, error: invalid } = error
    // The value may be a password.
    const isSecret = /\.basicauth\.users$/i.test(label.label)
    if (isSecret) mistakes.add(label, invalid.message, invalid.hint)
    else mistakes.refuse(label, invalid)
    return { mistakes }
  }
}

/** Whether its filters are valid; if not, this is reported. */
function isValid({ filters }: Effect, { any }: Options, mistakes: LabelMistakes): boolean {
  for (const filter of filters) {
    const outcome = validate(Filter, filter)
    if (!('issues' in outcome)) continue
    const [{ path, message, hint }] = outcome.issues as [(typeof outcome.issues)[number]]
    const whole = { container: any.container, label: any.label.split('.').slice(0, 5).join('.') }
    mistakes.add(whole, `${formatPath(path)}: ${message}: routes that need it are not served`, hint)
    return false
  }
  return true
}
