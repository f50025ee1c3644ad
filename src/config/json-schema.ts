import { z } from 'zod'
import { Config } from './schema.ts'

type JsonSchema = z.core.JSONSchema.BaseSchema

/**
 * The JSON Schema of `limpet.yaml` (draft 2020-12), for editors. Every value with a restriction may also be text with an
 * environment variable, because an editor cannot know the variable's value.
 */
export function jsonSchema(): JsonSchema {
  const { $schema, $defs, ...schema } = z.toJSONSchema(Config, { io: 'input', override: allowVariable })
  return {
    $schema: $schema!,
    $id: 'urn:limpet:config',
    title: 'limpet.yaml',
    description: 'The configuration of Limpet, a load balancer that keeps every user on their server.',
    ...schema,
    anyOf: [written, discovered],
    $defs: { ...$defs, Variable: variable },
  }
}

/** A file must have these, or `discovered`: labels may describe all routes and upstreams. */
const written: JsonSchema = {
  required: ['routes', 'upstreams'],
  properties: {
    routes: { description: 'At least one.', type: 'array', minItems: 1 },
    upstreams: { description: 'At least one.', type: 'object', minProperties: 1 },
  },
}

const discovered: JsonSchema = {
  required: ['discovery'],
  properties: { discovery: { description: 'Finds routes and upstreams by labels.', type: 'object' } },
}

const variable = {
  type: 'string',
  pattern: '\\$\\{',
  description: 'A value with an environment variable in it.',
} as const

function allowVariable({ jsonSchema, path }: { jsonSchema: JsonSchema; path: readonly PropertyKey[] }): void {
  const isBare = ['integer', 'boolean'].includes(String(jsonSchema.type)) || jsonSchema.maximum !== undefined
  const isRestricted = jsonSchema.enum || jsonSchema.pattern || isBare
  if (!isRestricted || path.includes('propertyNames')) return
  const { description: _, default: __, ...restriction } = jsonSchema
  for (const key of Object.keys(restriction)) delete jsonSchema[key]
  jsonSchema.anyOf = [restriction, { $ref: '#/$defs/Variable' }]
}
