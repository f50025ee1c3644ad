// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the variables are those of a configuration file
import { InvalidValue } from '../../../../config/error.ts'
import { parseList } from '../values.ts'
import { type Effect, filtering } from './effect.ts'
import { matchesOnce, parseRegexp, parseReplacement, withoutVariables } from './go-regexp.ts'
import type { Options } from './options.ts'

export function addPrefix(options: Options): Effect {
  return filtering(...options.required('prefix', parsePrefix).map((add) => ({ path: { add } })))
}

/** Whole segments only, as prefixes of rules. */
export function stripPrefix(options: Options): Effect {
  const strip = options.required('prefixes', (text) => filled(parseList(text)).flatMap(parsePrefix))
  return filtering(...(strip.length === 0 ? [] : [{ path: { strip: strip.length === 1 ? strip[0] : strip } }]))
}

/** The first expression counts that matches at the beginning of the path. */
export function stripPrefixRegex(options: Options): Effect {
  const patterns = options.required('regex', (text) =>
    filled(parseList(text)).map((each) => parseRegexp(each.replace(/^\^/, ''))),
  )
  const pattern =
    patterns.length === 1 ? `^(?:${patterns[0]})` : `^(?:${patterns.map((each) => `(?:${each})`).join('|')})`
  return filtering({ path: { pattern, to: '' } })
}

const replaced = { headers: { request: { set: { 'X-Replaced-Path': '${request.path}' } } } }

export function replacePath(options: Options): Effect {
  const path = options.required('path', (text) => checkedPath(text.startsWith('/') ? text : `/${text}`))
  return filtering(replaced, { path: { set: withoutVariables(path) } })
}

export function replacePathRegex(options: Options): Effect {
  const pattern = options.required('regex', (text) => {
    const pattern = parseRegexp(text)
    if (matchesOnce(pattern)) return pattern
    throw new InvalidValue('an expression that begins with ^', 'every match in the path would be replaced otherwise')
  })
  const to = options.required('replacement', (text) => checkedPath(parseReplacement(text, pattern)))
  return filtering(replaced, { path: { pattern, to } })
}

/** None for a prefix that changes nothing. A slash at the end does not count. */
function parsePrefix(text: string): string[] {
  const path = checkedPath(text).replace(/\/+$/, '')
  return path === '' ? [] : [path.startsWith('/') ? path : `/${path}`]
}

function checkedPath(text: string): string {
  if (!/[?#]/.test(text)) return text
  throw new InvalidValue('a path without ? and #')
}

function filled(list: string[]): string[] {
  if (list.length > 0) return list
  throw new InvalidValue('at least one')
}
