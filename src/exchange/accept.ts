import { COMMA, isBlank, isDigit, SEMICOLON } from '../http1/bytes.ts'

const DOT = 0x2e
const PLUS = 0x2b

/** Weights are counted in thousandths (RFC 9110 §12.4.2). */
const WHOLE = 1000

/** Whether an Accept field (RFC 9110 §12.5.1) gives JSON more weight than HTML. */
export function prefersJson(accept: string): boolean {
  let json = 0
  let html = 0
  for (let at = 0; at < accept.length; at++) {
    if (accept.charCodeAt(at) === COMMA) continue
    const from = at
    at = endOfPart(accept, from)
    const isJson = isJsonType(accept, from, at)
    const isHtml = isHtmlType(accept, from, at)
    let weight = -1
    while (accept.charCodeAt(at) === SEMICOLON) {
      const parameter = afterBlanks(accept, at + 1)
      if (weight < 0 && (isJson || isHtml) && matches(accept, parameter, 'q=')) weight = weightAt(accept, parameter + 2)
      at = endOfPart(accept, parameter)
    }
    if (weight < 0) weight = WHOLE
    if (isJson && weight > json) json = weight
    if (isHtml && weight > html) html = weight
  }
  return json > html
}

/** The offset of the next comma or semicolon, or of the end of the text. */
function endOfPart(text: string, from: number): number {
  let at = from
  for (; at < text.length; at++) {
    const character = text.charCodeAt(at)
    if (character === COMMA || character === SEMICOLON) break
  }
  return at
}

/** `application/json`, or `application/…+json`. */
function isJsonType(text: string, from: number, to: number): boolean {
  const start = afterBlanks(text, from)
  if (!matches(text, start, 'application/')) return false
  const name = start + 'application/'.length
  const suffix = beforeBlanks(text, name, to) - 'json'.length
  if (suffix < name || !matches(text, suffix, 'json')) return false
  return suffix === name || (suffix > name + 1 && text.charCodeAt(suffix - 1) === PLUS)
}

/** `text/html`, or `text/*`. */
function isHtmlType(text: string, from: number, to: number): boolean {
  const start = afterBlanks(text, from)
  if (!matches(text, start, 'text/')) return false
  const name = start + 'text/'.length
  const length = beforeBlanks(text, name, to) - name
  return (length === 1 && matches(text, name, '*')) || (length === 4 && matches(text, name, 'html'))
}

/** Whether the text has the lower-case `word` at that offset, in upper or lower case. */
function matches(text: string, at: number, word: string): boolean {
  for (let i = 0; i < word.length; i++) {
    if ((text.charCodeAt(at + i) | 0x20) !== word.charCodeAt(i)) return false
  }
  return true
}

function weightAt(text: string, from: number): number {
  let weight = 0
  let unit = WHOLE
  for (let at = from; at < from + '0.000'.length; at++) {
    const character = text.charCodeAt(at)
    if (character === DOT && unit === WHOLE) {
      unit /= 10
    } else if (isDigit(character)) {
      weight += (character - 0x30) * unit
      if (unit < WHOLE) unit /= 10
    } else {
      break
    }
  }
  return weight
}

function afterBlanks(text: string, from: number): number {
  let at = from
  while (isBlank(text.charCodeAt(at))) at++
  return at
}

function beforeBlanks(text: string, from: number, to: number): number {
  let at = to
  while (at > from && isBlank(text.charCodeAt(at - 1))) at--
  return at
}
