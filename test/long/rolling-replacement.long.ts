/** No client of Socket.IO loses its session before its server's deadline, and each reconnects after it. */
import { test } from 'node:test'
import { replaceAllInTurn } from '../scenarios/rolling-replacement.ts'

test('all four servers of a Socket.IO application are replaced in turn under 500 clients', (t) =>
  replaceAllInTurn(t, 500, 15_000))
