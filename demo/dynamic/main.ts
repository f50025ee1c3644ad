import { getRequestListener } from '@hono/node-server'
import { type Context, Hono } from 'hono'
import { serve } from '../server.ts'
import { students } from './students.ts'

const MAX_STUDENTS = 100
const GREATEST_SEED = 0xffff_ffff

class BadParameter extends Error {
  readonly parameter: string

  constructor(parameter: string, most: number) {
    super(`${parameter} must be one whole number from 0 to ${most}.`)
    this.parameter = parameter
  }
}

const app = new Hono()

app.use(async (context, next) => {
  context.header('Cache-Control', 'no-store')
  await next()
})

for (const path of ['/', '/api/student', '/api/student/']) {
  app.get(path, (context) => {
    const count = wholeNumber(context, 'count', MAX_STUDENTS)
    const seed = wholeNumber(context, 'seed', GREATEST_SEED)
    return context.json(students(count, seed))
  })
  app.all(path, (context) => {
    context.header('Allow', 'GET, HEAD')
    return context.json({ error: { code: 'method_not_allowed', message: 'Only GET and HEAD.' } }, 405)
  })
}

app.notFound((context) =>
  context.json({ error: { code: 'not_found', message: 'The students are at /api/student.' } }, 404),
)

app.onError((error, context) => {
  if (error instanceof BadParameter) {
    const { message, parameter } = error
    return context.json({ error: { code: 'bad_parameter', message, parameter } }, 400)
  }
  console.error(error)
  return context.json({ error: { code: 'internal', message: 'Something went wrong in this server.' } }, 500)
})

serve(getRequestListener(app.fetch))

function wholeNumber(context: Context, parameter: string, most: number): number | undefined {
  const values = context.req.queries(parameter)
  if (!values) return undefined
  const [value = ''] = values
  if (values.length > 1 || !/^\d{1,10}$/.test(value) || Number(value) > most) throw new BadParameter(parameter, most)
  return Number(value)
}
