// Writes limpet.schema.json, with which editors complete and check limpet.yaml.
import { writeFileSync } from 'node:fs'
import { jsonSchema } from '../src/config/json-schema.ts'

writeFileSync(new URL('../limpet.schema.json', import.meta.url), `${JSON.stringify(jsonSchema(), null, 2)}\n`)
