/** Texts that others choose, where they are shown in a terminal. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { printable, printableLines } from '../../src/runtime/printable.ts'

test('nothing controls a terminal, breaks a line or turns the direction of reading', () => {
  for (const [text, shown] of [
    ['\u001B[31mred', '\\u001b[31mred'],
    // CSI in one character, which terminals know as well (ECMA-48, 5.3).
    ['\u009B31mred', '\\u009b31mred'],
    ['\u007F\u0085\u0000', '\\u007f\\u0085\\u0000'],
    ['one\r\ntwo\t', 'one\\r\\ntwo\\t'],
    ['moc.\u202Elive\u2066', 'moc.\\u202elive\\u2066'],
    ['日本, naïve — 👍', '日本, naïve — 👍'],
  ]) {
    assert.equal(printable(text!), shown)
  }
})

test('text of several lines keeps them', () => {
  assert.equal(printableLines('one\ntwo\r\n\u009B2J'), 'one\ntwo\\r\n\\u009b2J')
})
