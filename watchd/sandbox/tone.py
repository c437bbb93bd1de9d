"""The enhancer: sharpens, and lets the prompt's words choose a tone, in proportion to the creativity asked for.

It stands in for the service's generative model. It invents nothing, yet every parameter has an effect that can be seen
and measured: ``enhanceCreativity`` the strength, ``enhancePrompt`` the tone, ``replication`` how much of the fine
detail and noise of the base picture stays.
"""

import re
from dataclasses import dataclass

from PIL import Image, ImageChops, ImageEnhance, ImageFilter, ImageOps

from watchd.sandbox.contract import MOST_CREATIVITY, CreativityParameters, EnhanceParameters, Parameters

Rgb = tuple[int, int, int]

# Detail finer than this, in pixels of the result, counts as line and noise.
_FINE_PX = 1.2
_NEUTRAL: Rgb = (128, 128, 128)


@dataclass(frozen=True, slots=True)
class Tone:
    """How one word colours a picture: shadows, mid-tones and lights of a duotone, mixed in by ``strength`` 0..1.

    ``contrast`` and ``saturation`` are factors, applied before; 1 leaves as it is.
    """

    shadow: Rgb
    middle: Rgb
    light: Rgb
    strength: float
    contrast: float = 1.0
    saturation: float = 1.0


_GOLD = Tone((30, 15, 2), (206, 144, 34), (255, 238, 160), 0.95, contrast=1.15)
_SILVER = Tone((14, 16, 20), (134, 139, 146), (250, 252, 255), 0.92, contrast=1.2)
_COPPER = Tone((24, 8, 4), (168, 92, 54), (255, 222, 196), 0.9, contrast=1.1)
_MARBLE = Tone((58, 56, 60), (182, 180, 179), (252, 251, 247), 0.88, contrast=1.1)
_ANGRY = Tone((18, 0, 0), (158, 38, 22), (255, 206, 170), 0.62, contrast=1.35)
_MENACING = Tone((0, 3, 5), (48, 62, 60), (196, 206, 184), 0.68, contrast=1.25)
_WARM = Tone((30, 14, 6), (156, 120, 88), (255, 238, 208), 0.42, saturation=1.1)
_COOL = Tone((6, 14, 30), (92, 122, 156), (214, 236, 255), 0.42)
_VINTAGE = Tone((54, 38, 28), (148, 118, 84), (242, 226, 188), 0.66, contrast=0.86)
_NOIR = Tone((0, 0, 0), (112, 112, 112), (255, 255, 255), 1.0, contrast=1.45)
_VIVID = Tone((0, 0, 0), _NEUTRAL, (255, 255, 255), 0.0, contrast=1.12, saturation=1.6)
_DRAMATIC = Tone((0, 2, 8), (110, 108, 104), (255, 246, 230), 0.22, contrast=1.4)
_SOFT = Tone((60, 54, 64), (168, 158, 164), (255, 248, 246), 0.36, contrast=0.85)
_GREEN = Tone((4, 18, 8), (70, 134, 82), (226, 255, 222), 0.6)

TONES: dict[str, Tone] = {
    **dict.fromkeys(("gold", "golden", "brass"), _GOLD),
    **dict.fromkeys(("silver", "chrome", "steel", "metal"), _SILVER),
    **dict.fromkeys(("copper", "bronze", "rust"), _COPPER),
    **dict.fromkeys(("marble", "stone", "statue", "porcelain"), _MARBLE),
    **dict.fromkeys(("angry", "rage", "fire", "red", "ruby"), _ANGRY),
    **dict.fromkeys(("menacing", "dark", "evil", "horror", "gothic"), _MENACING),
    **dict.fromkeys(("warm", "sunset", "autumn", "cozy"), _WARM),
    **dict.fromkeys(("cool", "cold", "ice", "icy", "winter", "blue"), _COOL),
    **dict.fromkeys(("vintage", "retro", "sepia", "old", "antique"), _VINTAGE),
    **dict.fromkeys(("noir", "monochrome", "grayscale", "greyscale", "black"), _NOIR),
    **dict.fromkeys(("vivid", "vibrant", "colorful", "colourful", "neon"), _VIVID),
    **dict.fromkeys(("dramatic", "cinematic", "epic", "moody"), _DRAMATIC),
    **dict.fromkeys(("soft", "dreamy", "pastel", "gentle"), _SOFT),
    **dict.fromkeys(("green", "emerald", "forest", "jade"), _GREEN),
}


def tones_of(prompt: str) -> tuple[Tone, ...]:
    """The tones that a prompt's words name, each once, in their order."""
    words = re.findall(r"[a-z]+", prompt.lower())
    return tuple(dict.fromkeys(TONES[word] for word in words if word in TONES))


def finish(enlarged: Image.Image, base: Image.Image, parameters: Parameters) -> Image.Image:
    """The last step of a call, for whichever dialect.

    Args:
        enlarged: the engine's result, RGB.
        base: the original at the same size, RGB, whose lines and noise ``replication`` keeps.
        parameters: what was asked for.
    """
    match parameters:
        case EnhanceParameters(enhance=False):
            return enlarged
        case EnhanceParameters():
            return _enhance(enlarged, base, parameters)
        case CreativityParameters(creativity=creativity):
            percent = round(100 * creativity / MOST_CREATIVITY)
            return enlarged.filter(ImageFilter.UnsharpMask(1.0, percent, 1)) if percent else enlarged


def _enhance(enlarged: Image.Image, base: Image.Image, parameters: EnhanceParameters) -> Image.Image:
    """Calm the noise, sharpen the edges, colour; then bring the base's fine detail back as far as it was asked for."""
    strength = parameters.creativity
    # The threshold keeps noise from being sharpened with the edges.
    calm = Image.blend(enlarged, enlarged.filter(ImageFilter.GaussianBlur(_FINE_PX)), 0.5 * strength)
    sharp = calm.filter(ImageFilter.UnsharpMask(2.2, 80 + round(150 * strength), 3))
    deep = sharp.filter(ImageFilter.UnsharpMask(max(8, min(sharp.size) // 40), round(45 * strength), 2))
    # Quickly visible, and complete only at 1: 0.5 gives three quarters of the tone.
    toned = colour(deep, tones_of(parameters.prompt), 1 - (1 - strength) ** 2)
    return _with_detail(toned, base, parameters.replication)


def colour(image: Image.Image, tones: tuple[Tone, ...], weight: float) -> Image.Image:
    """The picture in these tones, mixed in equal parts; ``weight`` 0..1 is how much of the mixture is taken."""
    if not tones or weight <= 0:
        return image
    mixture = _toned(image, tones[0])
    for count, tone in enumerate(tones[1:], start=2):
        mixture = Image.blend(mixture, _toned(image, tone), 1 / count)
    return Image.blend(image, mixture, weight)


def _toned(image: Image.Image, tone: Tone) -> Image.Image:
    if tone.contrast != 1:
        image = ImageEnhance.Contrast(image).enhance(tone.contrast)
    if tone.saturation != 1:
        image = ImageEnhance.Color(image).enhance(tone.saturation)
    if not tone.strength:
        return image
    duotone = ImageOps.colorize(image.convert("L"), tone.shadow, tone.light, tone.middle)
    return Image.blend(image, duotone, tone.strength)


def _with_detail(image: Image.Image, base: Image.Image, replication: float) -> Image.Image:
    """Add what is finer than a blur in the base; ``replication`` 0..1 is how much of it."""
    if replication <= 0:
        return image
    grey = base.convert("L")
    # Signed detail around a middle grey, in one plane: noise in brightness is what the eye takes for texture.
    detail = ImageChops.subtract(grey, grey.filter(ImageFilter.GaussianBlur(_FINE_PX)), 1, 128)
    scaled = Image.blend(Image.new("L", detail.size, 128), detail, replication)
    return ImageChops.add(image, Image.merge("RGB", (scaled, scaled, scaled)), 1, -128)
