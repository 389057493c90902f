import { fail, ok, type RandomBytes, type Result } from '@skep/kernel';

const NAME_PATTERN = /^\/?[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

const ADJECTIVES: readonly string[] =
  `amber bold brisk calm clever cosy dapper eager fair fleet gentle glad golden
  hardy honest jolly keen kind lively lucid mellow merry mild neat nimble noble patient plucky proud quick quiet ready
  rosy serene sharp sleek snug spry steady stout sunny swift tidy true vivid warm wise witty`.split(/\s+/);

const NOUNS: readonly string[] =
  `acorn alder aster badger beech birch bramble brook clover comb cricket drone elm fern
  finch forager hazel heather heron hive honey ibis ivy juniper larch lark linden maple meadow nectar oak otter petal
  pollen queen reed robin rowan sage skylark sorrel sparrow swarm thistle thyme willow worker wren yarrow`.split(
    /\s+/,
  );

/** Checks a container name in Docker's rule and takes a leading slash away. */
export function parseContainerName(text: string): Result<string> {
  if (!NAME_PATTERN.test(text) || text.length > 255) {
    return fail(
      'invalid_argument',
      `Invalid container name (${text.slice(0, 80)}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
    );
  }
  return ok(text.replace(/^\//, ''));
}

/** A name for a container whose user gave none, such as `brisk_heron_3f2a`. */
export function inventName(randomBytes: RandomBytes): string {
  const [first = 0, second = 0, third = 0, fourth = 0] = randomBytes(4);
  const adjective = ADJECTIVES[first % ADJECTIVES.length] ?? 'calm';
  const noun = NOUNS[second % NOUNS.length] ?? 'bee';
  const suffix = (third * 256 + fourth).toString(16).padStart(4, '0');
  return `${adjective}_${noun}_${suffix}`;
}
