import { randomInt } from 'node:crypto';

const ADJECTIVES =
  'able agile amber ample apt avid azure balmy bold brave breezy bright brisk calm candid careful cheery civil clean clear clever coastal cosy crisp curious daring deft dreamy eager early earnest easy elegant fair faithful fearless festive fine firm fleet fluent fond frank free fresh gentle genuine glad golden graceful grand handy happy hardy hearty honest hopeful humble jolly jovial keen kind lasting lively loyal lucid lucky lunar mellow merry mighty mild modest neat nimble noble patient placid polite proud prudent quick quiet radiant rapid ready robust rosy rustic serene sharp silent silver smart smooth snug solar solid spry steady stellar stout sturdy subtle sunny sure swift tender thrifty tidal tidy tranquil trusty upbeat valiant vivid warm wise witty zesty'.split(
    ' ',
  );

const SURNAMES =
  'aguirre aldrin amundsen anning aristotle armstrong bacon barents bell bering bernoulli boole borlaug bosch brahe burnell cabot cantor carson cassini cerf chandra cook copernicus cousteau curie darwin davy descartes dirac drake earhart eratosthenes erdos euclid euler faraday fermat feynman fermi fleming franklin fresnel galileo galois gauss germain goodall halley hamilton harrison henson herschel hertz hilbert hollerith hopper hubble humboldt hutton huygens hypatia jansen jemison johnson joliot kepler kirch knuth kowalevski lagrange lamarr laplace lavoisier leavitt leibniz linnaeus lovelace magellan mason maxwell mayer mcclintock meitner mendel mercator messier mitchell mobius morse nansen napier newton nobel noether oersted pascal pasteur pauling pavlov peary perlman planck plato ptolemy pytheas ramanujan ride ritchie rubin sagan shackleton shannon snow stokes sutherland tasman tesla thompson torvalds turing vespucci volta wallace watt wegener wright yonath zheng zuse'.split(
    ' ',
  );

const TRIES = 6;

/** A free name such as `brisk_hopper`; a digit is added when many of them are taken. */
export function generateName(isTaken: (name: string) => boolean): string {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const name = `${pick(ADJECTIVES)}_${pick(SURNAMES)}${attempt === 0 ? '' : randomInt(10)}`;
    if (!isTaken(name)) return name;
  }
  for (;;) {
    const name = `${pick(ADJECTIVES)}_${pick(SURNAMES)}${randomInt(1_000_000)}`;
    if (!isTaken(name)) return name;
  }
}

function pick(words: string[]): string {
  return words[randomInt(words.length)] ?? '';
}
