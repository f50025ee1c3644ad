/** W3C Trace Context: the cases of its own test suite (https://github.com/w3c/trace-context, test/test.py), and the grammar. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type TraceContext, traceContextOf } from '../../src/forwarding/trace-context.ts'
import { RequestHead } from '../../src/http1/request-head.ts'
import fc from '../support/property.ts'

const head = new RequestHead()
const ID = '12345678901234567890123456789012'
const PARENT = '1234567890123456'
const VALID = `00-${ID}-${PARENT}-00`

/** What a request with these header lines says. */
function contextIn(...lines: string[]): TraceContext | undefined {
  const text = ['GET / HTTP/1.1', 'Host: a', ...lines, '', ''].join('\r\n')
  assert.ok(head.parse(Buffer.from(text, 'latin1'), 0, { headSize: 100_000, headers: 0 }))
  return traceContextOf(head)
}

describe('traceparent', () => {
  const valid: Record<string, [line: string, flags?: number]> = {
    plain: [`traceparent: ${VALID}`, 0],
    sampled: [`traceparent: 00-${ID}-${PARENT}-01`, 1],
    'sampled and random': [`traceparent: 00-${ID}-${PARENT}-03`, 3],
    'flags that mean nothing yet': [`traceparent: 00-${ID}-${PARENT}-fd`, 1],
    'in another case': [`TrAcEpArEnT: ${VALID}`],
    'blanks around it': [`traceparent:\t ${VALID} \t`],
    'a later version': [`traceparent: cc-${ID}-${PARENT}-01`, 1],
    'a later version with more': [`traceparent: cc-${ID}-${PARENT}-02-what-the-future-will-be-like`, 2],
    'a later version with a dash': [`traceparent: 01-${ID}-${PARENT}-00-`],
  }
  for (const [name, [line, flags = 0]] of Object.entries(valid)) {
    test(`is taken: ${name}`, () => {
      assert.deepEqual(contextIn(line), { traceId: ID, parentId: PARENT, flags, state: '' })
    })
  }

  const invalid: Record<string, string[]> = {
    missing: [],
    empty: ['traceparent:'],
    twice: [`traceparent: ${VALID}`, `traceparent: ${VALID}`],
    'another name': [`trace-parent: ${VALID}`, `trace.parent: ${VALID}`, `trace_parent: ${VALID}`],
    'a version of too few digits': [`traceparent: 0-${ID}-${PARENT}-00`],
    'a version of too many digits': [`traceparent: 000-${ID}-${PARENT}-00`],
    'a version that is no number': [`traceparent: .0-${ID}-${PARENT}-00`],
    'a version in upper case': [`traceparent: CC-${ID}-${PARENT}-00`],
    'version ff': [`traceparent: ff-${ID}-${PARENT}-01`],
    'version 00 with more': [`traceparent: ${VALID}-what-the-future-will-be-like`],
    'version 00 with a dot': [`traceparent: ${VALID}.`],
    'a later version with a dot': [`traceparent: cc-${ID}-${PARENT}-01.what-the-future-will-be-like`],
    'a trace id of zeros': [`traceparent: 00-${'0'.repeat(32)}-${PARENT}-01`],
    'a trace id with a dot': [`traceparent: 00-${ID.slice(0, 31)}.-${PARENT}-01`],
    'a trace id in upper case': [`traceparent: 00-${'A'.repeat(32)}-${PARENT}-01`],
    'a trace id that is too long': [`traceparent: 00-${ID}3-${PARENT}-01`],
    'a trace id that is too short': [`traceparent: 00-${ID.slice(1)}-${PARENT}-01`],
    'a parent id of zeros': [`traceparent: 00-${ID}-${'0'.repeat(16)}-01`],
    'a parent id with a dot': [`traceparent: 00-${ID}-.${PARENT.slice(1)}-01`],
    'a parent id that is too long': [`traceparent: 00-${ID}-${PARENT}7-01`],
    'a parent id that is too short': [`traceparent: 00-${ID}-${PARENT.slice(1)}-01`],
    'flags that are no number': [`traceparent: 00-${ID}-${PARENT}-0.`],
    'flags that are too long': [`traceparent: 00-${ID}-${PARENT}-001`],
    'flags that are too short': [`traceparent: 00-${ID}-${PARENT}-1`],
    'other separators': [`traceparent: 00_${ID}_${PARENT}_01`],
  }
  for (const [name, lines] of Object.entries(invalid)) {
    test(`is ignored: ${name}`, () => assert.equal(contextIn(...lines, 'tracestate: foo=1'), undefined))
  }

  test('is what the grammar says, whatever else it is', () => {
    const grammar = /^(?!ff)(?:00|([0-9a-f]{2}))-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?$/
    const isValid = (text: string) => {
      const match = grammar.exec(text)
      return match !== null && (match[1] !== undefined || match[2] === undefined)
    }
    const parts = fc.tuple(
      fc.constantFrom('00', '01', 'ff', 'FF', '0', '0g'),
      fc.constantFrom(ID, '0'.repeat(32), `${'0'.repeat(31)}1`, ID.slice(1), `${ID}0`),
      fc.constantFrom(PARENT, '0'.repeat(16), `1${'0'.repeat(15)}`, PARENT.slice(1)),
      fc.constantFrom('00', '01', 'ff', '1', 'zz', '001'),
    )
    const changed = fc
      .tuple(parts, fc.constantFrom('-', '_'), fc.constantFrom('', '', '-', '-x', 'x'), fc.nat(60))
      .map(([[first, ...rest], separator, more, at]) => {
        const text = [first, ...rest].join('-') + more
        return separator === '-' ? text : text.slice(0, at) + separator + text.slice(at + 1)
      })
    fc.assert(
      fc.property(changed, (text) => {
        assert.equal(contextIn(`traceparent: ${text}`) !== undefined, isValid(text), text)
      }),
      { numRuns: 3000 },
    )
  })
})

describe('tracestate', () => {
  const stateIn = (...lines: string[]) =>
    contextIn(`traceparent: ${VALID}`, ...lines.map((value) => `tracestate: ${value}`))!.state
  const members = (from: number, to: number) =>
    Array.from({ length: to - from + 1 }, (_, index) => `bar${from + index}=${from + index}`).join(',')
  const letters = 'abcdefghijklmnopqrstuvwxyz0123456789_-*/'
  const allInValue = Array.from({ length: 95 }, (_, index) => String.fromCharCode(0x20 + index))
    .filter((character) => !',='.includes(character))
    .join('')

  const passed: Record<string, [lines: string[], state?: string]> = {
    'one member': [['foo=1']],
    'several members': [['foo=1,bar=2']],
    'several fields': [['foo=1,bar=2', 'rojo=1,congo=2', 'baz=3'], 'foo=1,bar=2,rojo=1,congo=2,baz=3'],
    'an empty field after it': [['foo=1', ''], 'foo=1'],
    'an empty field before it': [['', 'foo=1'], 'foo=1'],
    'empty members': [['foo=1,,bar=2,']],
    'the same key twice': [['foo=1,foo=2']],
    'all characters of a key': [[`${letters}@a-z0-9_-*/=1`]],
    'a key that begins with a digit': [['0foo=1']],
    'an at sign in any place but the first': [['foo@=1,foo@@bar=1,foo@bar@baz=1']],
    'all characters of a value': [[`foo=${allInValue}`]],
    'blanks around members': [['foo=1 \t , \t bar=2, \t baz=3']],
    'a space at the start of a value': [['foo= 1']],
    '32 members': [[members(1, 10), members(11, 20), members(21, 32)], members(1, 32)],
    'the longest key': [[`${'z'.repeat(256)}=1`]],
    'the longest value': [[`foo=${'v'.repeat(256)}`]],
    'the longest list': [
      [Array.from({ length: 32 }, (_, n) => `${'k'.repeat(254)}${n % 10}=${'v'.repeat(256)}`).join()],
    ],
  }
  for (const [name, [lines, state = lines[0]]] of Object.entries(passed)) {
    test(`is passed on: ${name}`, () => assert.equal(stateIn(...lines), state))
  }

  const dropped: Record<string, string[]> = {
    empty: [''],
    'nothing but blanks and commas': [' , ,\t,'],
    'a member without a value': ['foo'],
    'an empty value': ['foo='],
    'an empty key': ['=1'],
    'two equals signs': ['foo=bar=baz'],
    'a space in a key': ['foo =1'],
    'a key in upper case': ['FOO=1'],
    'a dot in a key': ['foo.bar=1'],
    'a key that begins with an at sign': ['@foo=1,bar=2'],
    'a tab in a value': ['foo=b\tar'],
    'a value that is not ASCII': ['foo=b\xe4r'],
    'one bad field among good ones': ['foo=1', 'BAR=2', 'baz=3'],
    '33 members': [members(1, 10), members(11, 33)],
    'a key that is too long': [`${'z'.repeat(257)}=1`],
    'a value that is too long': [`foo=${'v'.repeat(257)}`],
  }
  for (const [name, lines] of Object.entries(dropped)) {
    test(`is dropped, and the trace goes on: ${name}`, () => {
      assert.equal(stateIn(...lines), '')
      assert.equal(contextIn(`traceparent: ${VALID}`, ...lines.map((value) => `tracestate: ${value}`))!.traceId, ID)
    })
  }
})
