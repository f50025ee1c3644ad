import assert from 'node:assert/strict'
import { STATUS_CODES } from 'node:http'
import { test } from 'node:test'
import { reasonPhrases } from '../../src/http1/reason-phrase.ts'

test("the status line of an answer of Limpet's own says what node:http would say", () => {
  const given = Object.entries(STATUS_CODES).filter(([status]) => status === '301' || Number(status) >= 400)
  assert.deepEqual(Object.entries(reasonPhrases), given)
})
