import assert from 'node:assert/strict'
import { STATUS_CODES } from 'node:http'
import { test } from 'node:test'
import { reasonPhrases } from '../../src/http1/reason-phrase.ts'

test("the status line of Limpet's own responses is the same as node:http's", () => {
  const given = Object.entries(STATUS_CODES).filter(([status]) => status === '301' || Number(status) >= 400)
  assert.deepEqual(Object.entries(reasonPhrases), given)
})
