import assert from 'node:assert/strict'
import { STATUS_CODES } from 'node:http'
import { test } from 'node:test'
import { reasonPhrases } from '../../src/http1/reason-phrase.ts'

test("the status line of Limpet's own responses is the same as node:http's", () => {
  const isOwn = (status: string) => ['200', '301', '308'].includes(status) || Number(status) >= 400
  const given = Object.entries(STATUS_CODES).filter(([status]) => isOwn(status))
  assert.deepEqual(Object.entries(reasonPhrases), given)
})
