import { test } from 'node:test'
import { Differences } from './differences.ts'
import { allCases } from './fixture.ts'
import { NodeReader } from './readers.ts'

test("Node's own parser serves and refuses the same as Limpet, except for the known differences", async () => {
  const node = new NodeReader()
  const differences = new Differences('Node')
  for (const fixture of allCases()) {
    const { requests, rest } = await node.read(Buffer.from(fixture.requestText, 'latin1'))
    differences.note(fixture, { served: requests.length, refused: rest === 'refused' })
  }
  differences.areThoseIn('llhttp-differences.md')
})
