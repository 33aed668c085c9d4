"""The font faces of the demo's text lines. Apart from textlines.py, for it needs no package."""
import pathlib

# Under /usr/share/fonts, from the packages of `tools/setup demo`. Each is one face of a family people set text in.
FACES = """
truetype/dejavu/DejaVuSans.ttf truetype/dejavu/DejaVuSans-Bold.ttf truetype/dejavu/DejaVuSerif.ttf
truetype/dejavu/DejaVuSansMono.ttf
truetype/liberation2/LiberationSans-Regular.ttf truetype/liberation2/LiberationSans-Bold.ttf
truetype/liberation2/LiberationSerif-Regular.ttf truetype/liberation2/LiberationSerif-Italic.ttf
truetype/liberation2/LiberationMono-Regular.ttf
truetype/freefont/FreeSans.ttf truetype/freefont/FreeSerif.ttf truetype/freefont/FreeMonoBold.ttf
truetype/lato/Lato-Regular.ttf truetype/lato/Lato-Medium.ttf truetype/lato/Lato-Bold.ttf truetype/lato/Lato-Italic.ttf
truetype/open-sans/OpenSans-Regular.ttf truetype/open-sans/OpenSans-Semibold.ttf
truetype/open-sans/OpenSans-CondBold.ttf
opentype/linux-libertine/LinLibertine_R.otf opentype/linux-libertine/LinLibertine_RB.otf
opentype/linux-libertine/LinBiolinum_R.otf
truetype/crosextra/Carlito-Regular.ttf truetype/crosextra/Carlito-Bold.ttf
truetype/crosextra/Caladea-Regular.ttf truetype/crosextra/Caladea-Bold.ttf
truetype/inconsolata/Inconsolata.otf
""".split()


def faces():
    """The faces this machine has."""
    found = [pathlib.Path("/usr/share/fonts") / face for face in FACES]
    return [path for path in found if path.exists()]
