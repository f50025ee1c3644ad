import { Field } from './field.ts'
import { kindOf } from './known-name.ts'
import { staticEntries } from './static-table.ts'

const lines = staticEntries.map(([name, value]) => `${name}: ${value}\r\n`)
const bytes = Buffer.from(lines.join(''), 'latin1')
let start = 0

/** The entries of the static table, ready to be handed over. The first one has index 1. */
export const staticFields: readonly Field[] = staticEntries.map(([name], position) => {
  const field = new Field(bytes, true)
  field.start = start
  field.nameEnd = start + name.length
  field.end = start += lines[position]!.length
  field.kind = kindOf(bytes, field.start, field.nameEnd)
  return field
})
