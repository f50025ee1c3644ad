import assert from 'node:assert/strict'
import { STATUS_CODES } from 'node:http'
import { test } from 'node:test'
import { reasonPhrases } from '../../src/http1/reason-phrase.ts'

test("an error's status line says what node:http would say", () => {
  const errors = Object.entries(STATUS_CODES).filter(([status]) => Number(status) >= 400)
  assert.deepEqual(Object.entries(reasonPhrases), errors)
})
