// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the variables are those of a configuration file
import { z } from 'zod'
import { durationFrom, durationUpTo, text } from '../field.ts'
import { shownUrl } from '../url.ts'
import { HeaderNames } from './head-changes.ts'
import { TemplateText } from './template.ts'

const Cache = z.strictObject({
  by: TemplateText.describe(
    'What the answer depends on, such as ${request.cookie.session} ${request.host} ${request.path}: as long as it is the same, the service is not asked again. Where one of them is empty, the service is asked.',
  ),
  for: durationFrom(1000).describe('For how long.'),
})

export const ForwardAuthFilter = z
  .strictObject({
    url: text((written) => shownUrl(written), 'a URL').describe('Where the service is asked: http:// or https://.'),
    headers: z
      .exactOptional(HeaderNames)
      .describe(
        'The headers of the request that the service gets. Default: all but those of the body and of the connection.',
      ),
    copy: z
      .exactOptional(HeaderNames)
      .describe(
        "The headers of the service's answer that servers get; the client's own of these names are removed. Default: none.",
      ),
    timeout: durationUpTo(60_000).prefault('5s').describe('How long an answer may take.'),
    cache: z
      .exactOptional(Cache)
      .describe('Has answers that let requests through hold for a time. Default: each request is asked about.'),
  })
  .describe(
    'Asks an HTTP service whether a request may pass, as nginx does with auth_request and Traefik with forwardAuth.',
  )
